import { resolve } from 'node:path'
import { TidemarkError } from '../../base/index.ts'
import { placeOf } from '../flags/archive-flags.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'
import type { Session } from '../session.ts'
import { folderIn, type OpenFolder } from '../snapshots/snapshot-folder.ts'

/** What a plan in a file has settled. */
const settled = [
  ...['groups', 'strategy', 'topics', 'timestamp', 'duration', 'offset', 'shift', 'positionsFrom'],
  ...[
    'positionsFile',
    'sourceBootstrapServers',
    'sourceCommandConfig',
    'mapFrom',
    'restoreId',
    'mappingFile',
  ],
  ...[
    'mappingTopic',
    'sourceCluster',
    'topicMapping',
    'stateFolder',
    'scanAllPartitions',
    'parallelConsumers',
  ],
  ...['sampleRate', 'timeoutSecs', 'missing', 'outOfRange'],
] as const satisfies readonly (keyof ResetFlags)[]

/** Throws USAGE for a flag beside `--plan` that would have no effect: the plan is applied whole, for all groups that it names. */
export function refuseBesidePlan(flags: ResetFlags): void {
  const given = settled.find((name) => flags[name] !== undefined)
  if (given === undefined) return
  const flag = `--${given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new TidemarkError('USAGE', `${flag} has no effect on a plan that is made already`, {
    hint: 'Leave the flag out, or make a plan with it: offset-reset plan … --output FILE.',
  })
}

/** Where the snapshot goes that is taken before a plan of a file: the named place, the archive, else `./offset-snapshots`. */
export async function snapshotsOfPlan(
  flags: ResetFlags,
  session: Session,
): Promise<OpenFolder & AsyncDisposable> {
  const { openStore } = await import('../../storage/index.ts')
  const { loadConfig } = await import('../../config/index.ts')
  const archive =
    flags.path === undefined
      ? loadConfig({ file: flags.config, needs: [] }).storage
      : await placeOf(flags.path)
  const inArchive = flags.snapshotPath === undefined && archive !== undefined
  const place = inArchive ? archive : await placeOf(flags.snapshotPath ?? resolve('offset-snapshots'))
  const store = await openStore(place, { telemetry: session.telemetry, signal: session.signal })
  return { ...folderIn(store, inArchive), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}
