import { resolve } from 'node:path'
import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { FileStrategy, OffsetsFile, Plan, RangePolicy, TargetState } from '../../offsets/index.ts'
import { plural } from '../render/quantities.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import { connect } from './connection.ts'
import { type Flags, usage } from './parse-flags.ts'
import { chosenGroups, groupChoice, readSaved } from './saved-files.ts'

/** `-restore-offsets`: the positions of a file, checked against the target and set without a script. */
export async function restoreOffsets(flags: Flags, session: Session): Promise<void> {
  const outOfRange = rangePolicy(flags.text('out-of-range') ?? 'fail')
  const at = await timeGiven(flags)
  const files = flags.texts('restore-offsets')
  const choice = await groupChoice(flags.texts('groups'))
  const file = chosenGroups(await readSaved(files, session), choice, files.join(', '))
  if (file.groups.length === 0) {
    return session.out.line(`${files.join(', ')}: no positions, nothing to set`)
  }
  await using cluster = await connect(flags, session)
  const { planFromFile, readTarget } = await import('../../offsets/index.ts')
  const { signal, clock } = session
  const topics = new Set(file.groups.flatMap(({ topics }) => [...topics.keys()]))
  const names = file.groups.map(({ group }) => group)
  const target = await readTarget(cluster, names, [...topics], { signal })
  const [unread] = target.current.failed
  // A dry run shows them all, and going on leaves them alone.
  if (unread && !flags.has('go-on') && !flags.has('dry-run')) throw unread.error
  const byTime = flags.has('by-timestamp') || at !== undefined
  const plan = planFromFile(file, {
    clusterId: cluster.clusterId,
    created: clock.now(),
    current: target.current,
    logs: target.logs,
    outOfRange,
    name: files.join(', '),
    strategy: byTime ? await timeStrategy(file, at, cluster, target, session) : { type: 'offset' },
  })
  if (flags.has('dry-run')) return await showPlan(plan, flags, session)
  await apply(plan, cluster, flags, session)
}

function rangePolicy(text: string): RangePolicy {
  if (text === 'fail' || text === 'clamp' || text === 'skip') return text
  throw usage(`-out-of-range is fail, clamp or skip, not ${JSON.stringify(text)}`)
}

async function timeGiven(flags: Flags): Promise<bigint | undefined> {
  const text = flags.text('to-datetime')
  if (text === undefined) return undefined
  const { parseInstant } = await import('../../config/index.ts')
  const time = parseInstant(text)
  if (time !== undefined) return BigInt(time)
  throw usage(
    `-to-datetime ${JSON.stringify(text)} is not a time`,
    'Write ISO 8601 such as 2026-01-20T15:30:04Z, or milliseconds since 1970.',
  )
}

async function timeStrategy(
  file: OffsetsFile,
  at: bigint | undefined,
  cluster: Cluster,
  target: TargetState,
  session: Session,
): Promise<FileStrategy> {
  const { offsetsForTimes, positionsOf, timeOf } = await import('../../offsets/index.ts')
  const asked = [...positionsOf(file)].flatMap(([, topic, position]) => {
    const time = timeOf({ at }, position)
    return time === undefined ? [] : [{ topic, partition: position.partition, time }]
  })
  const offsetFor = await offsetsForTimes(cluster, asked, target.logs, { signal: session.signal })
  return { type: 'time', at, offsetFor }
}

async function showPlan(plan: Plan, flags: Flags, session: Session): Promise<void> {
  const { planTable, planToJson } = await import('../../offsets/index.ts')
  const { isRefused, planText } = await import('../reports/reset-plan.ts')
  session.out.write(planText(planTable(plan)))
  session.out.line('Dry run: nothing was changed')
  const report = flags.text('restore-report')
  if (report) await writeTextFile(report, [planToJson(plan)])
  session.status = isRefused(plan) ? 4 : passedOver(plan, session)
}

async function apply(plan: Plan, cluster: Cluster, flags: Flags, session: Session): Promise<void> {
  const { applyPlan } = await import('../../offsets/index.ts')
  const reports = await import('../reports/reset-outcome.ts')
  const { openStore } = await import('../../storage/index.ts')
  const { signal, clock, telemetry } = session
  const options = { signal, clock, onRefusal: flags.has('go-on') ? 'go-on' : 'stop' } as const
  const place = flags.text('snapshot-path') ?? resolve('offset-snapshots')
  await using store = flags.has('no-snapshot') ? undefined : await openStore(place, { telemetry, signal })
  const snapshot = store ? { store, prefix: '', description: `before ${plan.origin.type} restore` } : 'none'
  const report = await applyPlan(plan, cluster, { ...options, snapshot }).catch(withFlags)
  session.out.write(reports.outcomeText(report))
  const errors = report.groups.flatMap(({ entries }) =>
    entries.flatMap((one) => ('error' in one ? one.error : [])),
  )
  for (const hint of new Set(errors.map(({ hint }) => hint))) if (hint) session.log('error', hint)
  if (report.snapshotId !== undefined) session.log('info', `The snapshot is in ${store?.url}`)
  const file = flags.text('restore-report')
  if (file) {
    const { jsonText } = await import('../render/machine-formats.ts')
    await writeTextFile(file, [jsonText(reports.outcomeObject(report))])
  }
  session.status = reports.outcomeStatus(report) || passedOver(plan, session)
}

/** The same error, with the flags of this command in its hint. */
function withFlags(error: unknown): never {
  if (!isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')) throw error
  throw new TidemarkError(error.code, error.message, {
    details: error.details,
    cause: error,
    hint: '-dry-run shows them all. -out-of-range clamp moves them to the near end, skip leaves them; -by-timestamp and -to-datetime go by time.',
  })
}

/** A position that could not be set at all leaves the job partly done. */
function passedOver(plan: Plan, session: Session): 0 | 3 {
  const left = plan.entries.filter(({ action }) => action === 'SKIP')
  if (left.length === 0) return 0
  session.log('warn', `${plural(left.length, 'position')} of the file cannot be set: the notes say why`)
  return 3
}
