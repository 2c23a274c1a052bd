import { resolve } from 'node:path'
import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Pipeline } from '../../config/index.ts'
import type { HandOverContext } from '../../replicate/index.ts'
import type { Session } from '../session.ts'
import { placeOf } from './archive-flags.ts'
import type { PipelineFlags } from './pipeline-flags.ts'

export interface HandOverFlags extends PipelineFlags {
  readonly group?: string
  /** Only of `failover`. */
  readonly wait?: string
  readonly save: boolean
  readonly snapshotPath?: string
}

const watch = 2_000

/** Flags of `failover` and `failback`. */
export function addHandOverFlags(command: Command): Command {
  return command
    .option('-g, --group <name>', 'the consumer group')
    .option('--no-save', 'do not save the positions before they are changed')
    .option('--snapshot-path <folder|url>', 'where to save them; else ./offset-snapshots')
}

/** Opens the place for snapshots, for as long as `work` takes. */
export async function handOverContext<T>(
  flags: HandOverFlags,
  pipeline: Pipeline,
  session: Session,
  work: (context: HandOverContext) => Promise<T>,
): Promise<T> {
  const { parseDuration } = await import('../../config/index.ts')
  const patience = parseDuration(flags.wait ?? '60s')
  if (patience === undefined) {
    throw new TidemarkError('USAGE', `--wait needs a duration, got ${JSON.stringify(flags.wait)}`, {
      hint: 'For example 30s or 5m.',
    })
  }
  const { signal, telemetry, clock } = session
  const base = { signal, telemetry, clock, patience, watch, keeps: pipeline.keeps }
  if (!flags.save) return await work({ ...base, snapshot: 'none' })
  const { openStore } = await import('../../storage/index.ts')
  const spec = await placeOf(flags.snapshotPath ?? resolve('offset-snapshots'))
  await using store = await openStore(spec, { telemetry, signal })
  const result = await work({ ...base, snapshot: { store, prefix: '' } })
  session.log('info', `The snapshot is in ${store.url}`)
  return result
}
