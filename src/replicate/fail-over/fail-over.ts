import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { CommitAges } from '../sync/commit-ages.ts'
import { handOverRecord } from '../sync/group-record.ts'
import type { SyncJob } from '../sync/job.ts'
import { failForDouble, type PositionOutcome, type RoundReport, syncRound } from '../sync/round.ts'
import { idlePositions } from './idle-group.ts'
import { nextRecord } from './next-record.ts'
import { type HandOverContext, type Pair, withPair } from './pair.ts'
import { type LogPlace, type Proof, proveNext } from './prove.ts'
import { nothingMapped, saveTarget } from './save-target.ts'

/** A position of the group after the fail-over. */
export interface HandedPosition {
  /** Of the target. */
  readonly topic: string
  readonly partition: number
  readonly sources: readonly LogPlace[]
  /** What the group had on the target before. */
  readonly before: bigint | undefined
  /** What it has now; undefined when it has none. */
  readonly now: bigint | undefined
  /** `in-step`, or why the position could not be set. */
  readonly state: string
  readonly detail: string
  /** Undefined where nothing was set. */
  readonly proof: Proof | undefined
}

export interface FailOverReport {
  readonly group: string
  readonly sourceClusterId: string | undefined
  readonly targetClusterId: string
  readonly snapshotId: string | undefined
  readonly positions: readonly HandedPosition[]
  /** The source did not take part: the positions are those of the last sync. */
  readonly sourceLost: boolean
}

const pause = 250

/**
 * Hands a group over to the target: it is not kept in step any more, its positions are set for the last time, and for each of them the
 * next record is read on both sides and compared.
 *
 * Rejects with GROUP_ACTIVE when it is read for on either side, GROUP_NOT_FOUND when it has no position in a topic that is copied, and
 * COPY_BEHIND when the copy does not come to its positions in time: then it is kept in step as before.
 */
export async function failOver(
  job: SyncJob,
  group: string,
  context: HandOverContext,
): Promise<FailOverReport> {
  return await withPair(job, context, async (pair) => {
    const { clock, watch, signal } = context
    const { source, target, writer } = pair
    const check = { clock, watch, signal }
    const [positions] = await Promise.all([
      idlePositions(source, group, { ...check, side: 'source' }),
      idlePositions(target, group, { ...check, side: 'target' }),
    ])
    const found = { groups: [positions], failed: [] }
    const preview = await roundOf(found, job, pair, context, true)
    if (job.onMultipleMappings === 'fail') failForDouble(preview.doublyMapped)
    if (preview.outcomes.length === 0) throw nothingMapped(group, positions.positions.length)
    await mayRead(preview, pair, context)
    const snapshotId = await saveTarget(target, group, context)
    const before = pair.memory.handedOver(group)
    const handOver = { since: clock.now(), by: 'failover' }
    let last: RoundReport
    try {
      await writer.write([handOverRecord(job.name, group, handOver, clock.now())])
      // An open transaction before the key would hide it from the sync.
      await pair.memory.settleControl(context.patience, signal)
      // A round of the sync that had begun before is over by then.
      await clock.sleep(watch, signal)
      last = await lastSync(() => roundOf(found, job, pair, context, false), group, context)
    } catch (error) {
      // In the sync or out of it, as it was.
      await putBack(
        () => writer.write([handOverRecord(job.name, group, before, clock.now())]),
        group,
        context,
      )
      throw error
    }
    const deadline = clock.monotonic() + context.patience
    const proven = await Promise.all(
      last.outcomes.map((outcome) => handed(outcome, preview, pair, context, deadline)),
    )
    await readBack(target, group, proven, signal)
    return {
      group,
      sourceClusterId: source.clusterId,
      targetClusterId: target.clusterId,
      snapshotId,
      positions: proven,
      sourceLost: false,
    }
  })
}

/** What the fail-over failed of is told in any case. */
async function putBack(
  write: () => Promise<void>,
  group: string,
  { telemetry }: HandOverContext,
): Promise<void> {
  try {
    await write()
  } catch (error) {
    telemetry.log(
      'error',
      `Whether ${group} is kept in step could not be put back to what it was: run failover again`,
      {
        error: error instanceof Error ? error.message : String(error),
      },
    )
  }
}

/** Reads where the proof will: what stands in its way is known before anything is changed. */
async function mayRead(
  { outcomes }: RoundReport,
  { sourceReader, targetReader }: Pair,
  { signal }: HandOverContext,
): Promise<void> {
  await Promise.all(
    // What is not going to be set is not going to be proven either.
    outcomes
      .filter(({ decision }) => decision.action !== 'skip')
      .flatMap(({ topic, partition, sources, decision, current }) => [
        ...sources.map((one) => nextRecord(sourceReader, one, one.offset, signal)),
        nextRecord(targetReader, { topic, partition }, decision.target ?? current ?? 0n, signal),
      ]),
  )
}

/** Rejects with POSITION_NOT_KEPT when a position is not what it was set to. */
async function readBack(
  target: Cluster,
  group: string,
  positions: readonly HandedPosition[],
  signal: AbortSignal,
): Promise<void> {
  const { done, failed } = await target.fetchPositions([group], { signal })
  for (const { error } of failed) throw error
  const now = new Map(
    done.flatMap((one) => one.positions.map((at) => [`${at.topic}/${at.partition}`, at.offset] as const)),
  )
  for (const { topic, partition, now: wanted, state } of positions) {
    const found = now.get(`${topic}/${partition}`)
    if (state !== 'in-step' || found === wanted) continue
    throw new TidemarkError(
      'POSITION_NOT_KEPT',
      `The position of '${group}' in ${topic}/${partition} was set to ${wanted} but reads back as ${found ?? 'none'}`,
      {
        details: { group, topic, partition },
        hint: 'Something else commits for the group: stop it, then run the command again.',
      },
    )
  }
}

function roundOf(
  found: Parameters<typeof syncRound>[0],
  job: SyncJob,
  { source, target, memory, writer }: Pair,
  { clock, telemetry, signal }: HandOverContext,
  dryRun: boolean,
): Promise<RoundReport> {
  return syncRound(found, {
    job,
    source,
    target,
    memory,
    writer,
    ages: new CommitAges(undefined),
    clock,
    telemetry,
    signal,
    // The group is taken out of the sync: nobody else sets it.
    turn: undefined,
    includeHandedOver: true,
    dryRun,
  })
}

/** Rounds until no position waits for the copy any more. */
async function lastSync(
  round: () => Promise<RoundReport>,
  group: string,
  { clock, patience, signal }: HandOverContext,
): Promise<RoundReport> {
  const deadline = clock.monotonic() + patience
  for (;;) {
    const report = await round()
    for (const { error } of report.outcomes) if (error !== undefined) throw error
    const behind = report.outcomes.find(({ decision }) => decision.action === 'wait')
    if (behind === undefined) return report
    if (clock.monotonic() >= deadline) {
      const { topic, partition, decision } = behind
      const why = 'detail' in decision ? decision.detail : ''
      throw new TidemarkError(
        'COPY_BEHIND',
        `The copy has not come to where '${group}' stands in ${topic}/${partition}: ${why}`,
        {
          details: { group, topic, partition },
          hint: 'Let the replication catch up, or allow it more time with --wait; --source-lost takes the last synced positions.',
        },
      )
    }
    await clock.sleep(pause, signal)
  }
}

async function handed(
  outcome: PositionOutcome,
  preview: RoundReport,
  { sourceReader, targetReader }: Pair,
  { keeps, clock, signal }: HandOverContext,
  deadline: number,
): Promise<HandedPosition> {
  const { topic, partition, decision, sources, current } = outcome
  const first = preview.outcomes.find((one) => one.topic === topic && one.partition === partition)
  const before = first?.current
  const isSet = decision.action === 'commit' || decision.action === 'keep'
  const base = { topic, partition, sources, before }
  if (!isSet) {
    return { ...base, now: current, state: decision.cause, detail: decision.detail, proof: undefined }
  }
  const place = { topic, partition, offset: decision.target }
  const parts = { source: sourceReader, target: targetReader, keeps, clock, deadline, signal }
  const proof = await proveNext(sources, place, parts)
  return { ...base, now: decision.target, state: 'in-step', detail: '', proof }
}
