import { openBackup } from '../../archive/index.ts'
import { Budget, nameFilter } from '../../base/index.ts'
import { connectCluster, PositionReader } from '../../kafka/index.ts'
import { readLogs, selectGroups } from '../../offsets/index.ts'
import { SlabPool } from '../../records/index.ts'
import type { JobContext } from '../../storage/index.ts'
import { BudgetShare } from '../copy/budget-share.ts'
import { IndexCache } from '../copy/index-cache.ts'
import type { LaneContext } from '../copy/lane-context.ts'
import { scanTransactions, type TransactionScan } from '../copy/transaction-scan.ts'
import type { RestoreNotice, TimeWindow } from '../job.ts'
import type { Lane } from '../plan/plan-types.ts'
import { openStateStore } from '../run/environment.ts'
import type { RecordFilter } from './archive-record.ts'
import type { HeaderRule } from './compare-records.ts'
import { Findings } from './findings.ts'
import { verifyLane } from './verify-lane.ts'
import { verifyPositions } from './verify-positions.ts'
import type { VerifiedPartition, VerifiedPosition, VerifyJob, VerifyReport } from './verify-types.ts'
import { findWhatWasRestored, type WasRestored } from './was-restored.ts'

/** Lanes that are looked at at the same time. */
const LANES_AT_ONCE = 8
const LISTED = 100

/**
 * Holds the target against the archive: every record of every restored partition, and for each group the record that it reads next.
 * Reads both sides as streams; changes nothing. Differences are in the report, not thrown. Rejects with BACKUP_NOT_FOUND,
 * TOPIC_NOT_FOUND, GROUP_NOT_FOUND, and the errors of the rooms below.
 */
export async function verifyRestore(job: VerifyJob, context: JobContext): Promise<VerifyReport> {
  const { clock, signal, telemetry, progress } = context
  const started = clock.monotonic()
  await using cluster = await connectCluster(job.target, { signal, telemetry })
  const stateStore = await openStateStore(job.stateFolder, context)
  const restored = await findWhatWasRestored(job, stateStore, context, cluster)
  await using reader = await openBackup(context.store, job.backupId, {
    signal,
    telemetry,
    ...(restored.commit !== undefined && { commit: restored.commit }),
  })
  const plan = await restored.plan(reader)
  const selected = job.groups.type === 'none' ? undefined : selectGroups(await reader.positions(), job.groups)
  const chosen = nameFilter(job.include, job.exclude)
  const lanes = plan.topics.flatMap((topic) =>
    topic.lanes
      .filter((lane) => lane.inputs.some((input) => chosen(input.topic)))
      .map((lane) => ({ topic, lane })),
  )
  const names = [...new Set(lanes.map(({ lane }) => lane.target))]
  const [logs, configs] = await Promise.all([
    readLogs(cluster, names, { signal }),
    names.length === 0 ? new Map() : cluster.topicConfigs(names, { signal }),
  ])
  const compacted = (topic: string): boolean =>
    configs
      .get(topic)
      ?.find(({ name }: { name: string }) => name === 'cleanup.policy')
      ?.value.includes('compact') ?? false
  const findings = new Findings(job.listed ?? LISTED)
  const notices: RestoreNotice[] = [...restored.notices]
  const { window } = restored.shape
  const transactions =
    window?.mode === 'transaction' ? await scanTransactions(reader, plan, window, signal) : undefined
  const rule = headerRule(restored, plan.sourceName)
  await using positionReader = new PositionReader(cluster)
  const places = new Budget(LANES_AT_ONCE)
  const budget = new Budget(job.memory)
  const indexes = new IndexCache(reader)
  progress.phase('verify', { partitions: lanes.length, records: plan.records })
  const missing = names.filter((name) => !logs.has(name))
  for (const topic of missing) {
    const message = `The target has no topic ${topic}`
    notices.push({ code: 'topic-missing', message, topic })
  }
  const partitions: VerifiedPartition[] = []
  const verify = async ({ topic, lane }: (typeof lanes)[number]) => {
    const share = new BudgetShare(budget)
    try {
      const verified = await verifyLane({
        lane,
        context: readingContext(lane, share, signal),
        cluster,
        reader: positionReader,
        maps: restored.maps,
        logs,
        exclusive: topic.exclusive,
        nothingBehind: job.nothingBehind,
        compacted: compacted(lane.target),
        rule,
        window,
        choice: transactions?.choice,
        findings,
        signal,
      })
      partitions.push(...verified.counts)
      notices.push(...verified.notices)
      for (const { topic: name, partition, expected } of verified.counts) {
        progress.advance(name, partition, 0, expected)
        progress.done(name, partition)
      }
    } finally {
      share.close()
    }
  }
  const readingContext = (lane: Lane, share: BudgetShare, stop: AbortSignal): LaneContext => ({
    // What is wanted is judged by the verification itself: here everything is read.
    job: { ...restored.job, window: undefined, addOffsetHeaders: false, stripOffsetHeaders: false },
    lane,
    reader,
    budget: share,
    slabs: new SlabPool(),
    signal: stop,
    limit: Number.POSITIVE_INFINITY,
    sourceName: plan.sourceName,
    outputs: [],
    transactions: undefined,
    index: (i) => {
      const from = lane.inputs[i]
      return from
        ? indexes.partition(from.topic, from.topicId, from.source.partition)
        : Promise.resolve(undefined)
    },
    onBatchTime: () => {},
  })
  const ready = lanes.filter(({ lane }) => logs.has(lane.target))
  await Promise.all(ready.map((one) => places.with(1, () => verify(one), signal)))
  for (const { lane } of lanes) {
    if (logs.has(lane.target)) continue
    const expected = lane.inputs.reduce((sum, { source }) => sum + source.records, 0)
    if (expected === 0) continue
    findings.add({
      kind: 'missing',
      topic: lane.target,
      partition: lane.outputs[0] ?? 0,
      source: lane.inputs[0] && { topic: lane.inputs[0].topic, partition: lane.inputs[0].source.partition },
      what: `the target has no such topic; the archive holds up to ${expected} records for it`,
      archive: undefined,
      target: undefined,
    })
  }
  let positions: readonly VerifiedPosition[] = []
  if (selected) {
    progress.phase('positions')
    positions = await verifyPositions({
      reader,
      cluster,
      positions: positionReader,
      selected,
      maps: restored.maps,
      shape: restored.shape,
      chosen,
      compacted,
      filter: (topic, partition) => recordFilter(window, transactions, topic, partition),
      rule,
      findings,
      now: clock.now(),
      signal,
    })
    for (const { message, group } of selected.notices) {
      notices.push({ code: 'group', message, ...(group !== undefined && { group }) })
    }
  }
  return {
    backupId: job.backupId,
    commit: reader.commit,
    restoreId: restored.restoreId,
    targetClusterId: cluster.clusterId,
    partitions: partitions.sort((a, b) =>
      a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition,
    ),
    positions,
    differences: findings.count,
    listed: findings.listed,
    notices,
    durationMs: clock.monotonic() - started,
  }
}

function headerRule({ shape }: WasRestored, cluster: string): HeaderRule {
  if (shape.addOffsetHeaders) return { type: 'add', cluster }
  return shape.stripOffsetHeaders ? { type: 'strip' } : { type: 'keep' }
}

function recordFilter(
  window: TimeWindow | undefined,
  transactions: TransactionScan | undefined,
  topic: string,
  partition: number,
): RecordFilter {
  if (!window) return () => true
  const choice = transactions?.choice(topic, partition)
  return ({ offset, timestamp, transaction }) => {
    const taken = transaction === undefined ? undefined : choice?.takes(transaction, offset)
    if (taken !== undefined) return taken
    if (window.start !== undefined && timestamp < window.start) return false
    return window.end === undefined || timestamp <= window.end
  }
}
