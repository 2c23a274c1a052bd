import { TidemarkError } from '../../base/index.ts'
import { type Cluster, connectCluster } from '../../kafka/index.ts'
import { saveSnapshot, takeSnapshot } from '../../offsets/index.ts'
import { CommitAges } from '../sync/commit-ages.ts'
import { handOverRecord } from '../sync/group-record.ts'
import { guardOf } from '../sync/guard.ts'
import type { SyncJob } from '../sync/job.ts'
import { RecordWriter } from '../sync/record-writer.ts'
import { failForDouble, type PositionOutcome, type RoundReport, syncRound } from '../sync/round.ts'
import { idlePositions } from './idle-group.ts'
import { type HandOverContext, openMemory, type Pair, withPair } from './pair.ts'
import { type LogPlace, type Proof, proveNext } from './prove.ts'

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
    const snapshotId = await snapshot(target, group, context)
    const handOver = { since: clock.now(), by: 'failover' }
    await writer.write([handOverRecord(job.name, group, handOver)])
    let last: RoundReport
    try {
      last = await lastSync(() => roundOf(found, job, pair, context, false), group, context)
    } catch (error) {
      await writer.write([handOverRecord(job.name, group, undefined)])
      throw error
    }
    const deadline = clock.monotonic() + context.patience
    const proven = await Promise.all(
      last.outcomes.map((outcome) => handed(outcome, preview, pair, context, deadline)),
    )
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

/**
 * The same when the source is lost: the group is taken out of the sync and stays where the last sync put it. Nothing can be proven; from which
 * position on the source each one was made is told where the commit says it.
 */
export async function failOverWithoutSource(
  job: SyncJob,
  group: string,
  context: HandOverContext,
): Promise<FailOverReport> {
  const { signal, telemetry, clock, watch } = context
  await using target = await connectCluster(job.target, { signal, telemetry })
  await using memory = openMemory(job, target)
  await using writer = new RecordWriter(target, job.controlTopic.name)
  await memory.refresh(signal)
  const { positions } = await idlePositions(target, group, { clock, watch, signal, side: 'target' })
  const mapped = new Set(memory.table.lines.map(({ targetTopic }) => targetTopic))
  const own = positions.filter(({ topic }) => mapped.has(topic))
  if (own.length === 0) throw nothingMapped(group, positions.length)
  const snapshotId = await snapshot(target, group, context)
  await writer.write([handOverRecord(job.name, group, { since: clock.now(), by: 'failover --source-lost' })])
  return {
    group,
    sourceClusterId: undefined,
    targetClusterId: target.clusterId,
    snapshotId,
    sourceLost: true,
    positions: own.map(({ topic, partition, offset, metadata }) => {
      const from = guardOf(job.guardPrefix, metadata)?.from
      const state = from === undefined ? 'own-commit' : 'last-synced'
      const detail = from === undefined ? 'the commit does not say where it comes from' : ''
      const sources = from === undefined ? [] : [from]
      return { topic, partition, sources, before: offset, now: offset, state, detail, proof: undefined }
    }),
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

async function snapshot(
  target: Cluster,
  group: string,
  { snapshot: folder, clock, signal }: HandOverContext,
): Promise<string | undefined> {
  if (folder === 'none') return undefined
  const description = `Before the fail-over of ${group}`
  const { draft } = await takeSnapshot(target, { now: clock.now(), description, groups: [group], signal })
  const { id } = await saveSnapshot(folder, draft, { signal })
  return id
}

function nothingMapped(group: string, positions: number): TidemarkError {
  return new TidemarkError(
    'GROUP_NOT_FOUND',
    positions === 0
      ? `Consumer group '${group}' has no positions`
      : `Consumer group '${group}' has no position in a topic that the map knows`,
    {
      details: { group },
      hint: 'Check the name with `kafka-backup replicate status`, which lists the groups of the pipeline.',
    },
  )
}
