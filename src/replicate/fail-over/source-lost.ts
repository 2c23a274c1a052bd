import { connectCluster } from '../../kafka/index.ts'
import { handOverRecord } from '../sync/group-record.ts'
import { guardOf } from '../sync/guard.ts'
import type { SyncJob } from '../sync/job.ts'
import { RecordWriter } from '../sync/record-writer.ts'
import type { FailOverReport } from './fail-over.ts'
import { idlePositions } from './idle-group.ts'
import { type HandOverContext, openMemory } from './pair.ts'
import { nothingMapped, saveTarget } from './save-target.ts'

/**
 * Hands a group over when the source is lost: the group is taken out of the sync and stays where the last sync put it. Nothing can be proven; from which
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
  const snapshotId = await saveTarget(target, group, context)
  await writer.write([
    handOverRecord(job.name, group, { since: clock.now(), by: 'failover --source-lost' }, clock.now()),
  ])
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
