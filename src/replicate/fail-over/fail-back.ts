import { TidemarkError } from '../../base/index.ts'
import { type ApplyReport, applyPlan, makePlan, readTarget } from '../../offsets/index.ts'
import { commitRecord, handOverRecord } from '../sync/group-record.ts'
import type { SyncJob } from '../sync/job.ts'
import { idlePositions } from './idle-group.ts'
import { type HandOverContext, type Pair, withPair } from './pair.ts'
import { planBack } from './plan-back.ts'
import { type Proof, proveNext } from './prove.ts'

/** The proof of one position that was set on the source. */
export interface BackProof {
  /** Of the source. */
  readonly topic: string
  readonly partition: number
  readonly proof: Proof
}

export interface FailBackReport {
  readonly group: string
  readonly sourceClusterId: string
  readonly targetClusterId: string
  /** What was done on the source. */
  readonly applied: ApplyReport
  readonly proofs: readonly BackProof[]
  /** The group is kept in step from the source to the target again. */
  readonly resumed: boolean
}

/**
 * Puts a group on the source where it stands on the target, by the same maps read the other way, and takes it into the sync again.
 *
 * Rejects with GROUP_ACTIVE when it is read for on either side, GROUP_NOT_FOUND when it has no position on the target in a topic that was
 * copied. Positions that the map does not know any more are left alone, and the group stays out of the sync.
 */
export async function failBack(
  job: SyncJob,
  group: string,
  context: HandOverContext,
): Promise<FailBackReport> {
  return await withPair(job, context, async (pair) => {
    const { source, target, memory } = pair
    const { clock, watch, signal } = context
    const { positions } = await idlePositions(target, group, { clock, watch, signal, side: 'target' })
    const back = memory.table.set({ cluster: source.clusterId }).invert(target.clusterId)
    const topics = [...new Set(back.targetTopics)]
    const now = await readTarget(source, [group], topics, { signal })
    const wanted = planBack(group, positions, back, now.logs, job.guardPrefix)
    if (wanted.length === 0) throw nothingCopied(group, positions.length)
    const plan = makePlan({
      clusterId: source.clusterId,
      created: clock.now(),
      origin: { type: 'replication', pipeline: job.name, captured: clock.now() },
      wanted,
      notices: [],
      current: now.current,
      logs: now.logs,
      outOfRange: 'clamp',
    })
    // What stands in the way of the proof, or of what the control topic is told at the end, is known before anything is changed.
    await proveAll(plan.entries, pair, context)
    await pair.writer.write([handOverRecord(job.name, group, memory.handedOver(group), clock.now())])
    const { snapshot } = context
    const applied = await applyPlan(plan, source, {
      signal,
      clock,
      watchMs: watch,
      snapshot:
        snapshot === 'none' ? 'none' : { ...snapshot, description: `Before the fail-back of ${group}` },
    })
    const proofs = await proveAll(plan.entries, pair, context)
    const { failed, refused, skipped } = applied.counts
    const resumed = failed + refused + skipped === 0
    if (resumed) await resume(job, group, positions, pair, clock.now())
    return {
      group,
      sourceClusterId: source.clusterId,
      targetClusterId: target.clusterId,
      applied,
      proofs,
      resumed,
    }
  })
}

/** For each position set on the source: its next record is the one that the group has next on the target. */
async function proveAll(
  entries: ReturnType<typeof makePlan>['entries'],
  { sourceReader, targetReader }: Pair,
  { keeps, clock, signal }: HandOverContext,
): Promise<readonly BackProof[]> {
  const parts = { source: sourceReader, target: targetReader, keeps, clock, deadline: 0, signal }
  const provable = entries.flatMap((entry) => {
    const [from] = entry.from
    // What lies behind the copy is on one side only.
    const isSet = (entry.action === 'SET' || entry.action === 'KEEP') && entry.kind !== 'ahead-of-copy'
    // What several partitions were merged from has no single next record to compare with.
    return isSet && from && entry.from.length === 1 && entry.target !== undefined
      ? [{ topic: entry.topic, partition: entry.partition, offset: entry.target, from }]
      : []
  })
  return await Promise.all(
    provable.map(async ({ topic, partition, offset, from }) => ({
      topic,
      partition,
      proof: await proveNext([{ topic, partition, offset }], from, parts),
    })),
  )
}

/** What the group committed on the target itself counts as ours from now on, or the sync would leave it alone for ever. */
async function resume(
  job: SyncJob,
  group: string,
  positions: Awaited<ReturnType<typeof idlePositions>>['positions'],
  { memory, writer }: Pair,
  now: number,
): Promise<void> {
  const mapped = new Map(memory.table.lines.map(({ targetTopic, revision }) => [targetTopic, revision]))
  const adopted = positions.flatMap(({ topic, partition, offset, metadata }) => {
    if (!mapped.has(topic)) return []
    const key = { pipeline: job.name, group, topic, partition }
    return [commitRecord(key, { version: 0n, commits: [{ offset, metadata: metadata ?? '' }] }, now)]
  })
  await writer.write([...adopted, handOverRecord(job.name, group, undefined, now)])
}

function nothingCopied(group: string, positions: number): TidemarkError {
  return new TidemarkError(
    'GROUP_NOT_FOUND',
    positions === 0
      ? `Consumer group '${group}' has no positions on the target`
      : `Consumer group '${group}' has no position on the target in a topic that was copied`,
    { details: { group }, hint: 'Check the name, and that the pipeline publishes its offset map.' },
  )
}
