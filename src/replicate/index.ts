/**
 * replicate: cluster → cluster, continuously; where each record went is published on the target.
 *
 *     join the group of the pipeline's workers on the target; it assigns shards
 *     for each shard:
 *       fence  InitProducerId under the shard's transactional id
 *       read   positions from the control topic, up to its end after the fence
 *       copy   fetched batches → produced raw (recoded where they must be) → where they landed
 *       commit records, map and position: one transaction
 *       whatever fails: forget everything, take over again
 *     meanwhile: look for topics, make them on the target, follow their settings and partitions
 *
 * `docs/replication.md` has the invariants, the record formats, and what every kill leaves behind.
 *
 * It does not promise: transactions, producer ids and leader epochs of the source; that transactions of the source become visible
 * as wholes; that records which others append to target topics are looked at.
 */
export { type FailBackReport, failBack } from './fail-over/fail-back.ts'
export {
  type FailOverReport,
  failOver,
  type HandedPosition,
} from './fail-over/fail-over.ts'
export type { HandOverContext } from './fail-over/pair.ts'
export type { Proof } from './fail-over/prove.ts'
export { failOverWithoutSource } from './fail-over/source-lost.ts'
export type * from './job.ts'
export { replicateDefaults } from './job.ts'
export type { MapEvent } from './map-topic/map-event.ts'
export type { MapLine, MapRetention } from './map-topic/map-line.ts'
export {
  encodeMapEntry,
  encodeMapKey,
  type MapEntry,
  type MapEntryTarget,
  type MapKey,
} from './map-topic/map-record.ts'
export type { MapConflict, MapTableChoice } from './map-topic/map-table.ts'
export { loadMapTable, loadMapTopic, type MapTopics } from './map-topic/read-map.ts'
export { startMetricsTopic } from './metrics-topic.ts'
export { type Replication, type ReplicationContext, startReplication } from './run/replication.ts'
export type * from './status.ts'
export { type Survey, surveyPipeline } from './survey.ts'
export { guardOf } from './sync/guard.ts'
export type * from './sync/job.ts'
export type { Checkpoint, OffsetSync } from './sync/mm2-records.ts'
export { readCheckpoints, readOffsetSyncs } from './sync/read-mm2.ts'
export type { PositionOutcome, RoundReport } from './sync/round.ts'
export { runSync, type SyncContext, type SyncReport } from './sync/run-sync.ts'
export { stateOf } from './sync/tell-round.ts'
