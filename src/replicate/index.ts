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
export type { MapTableChoice } from './map-topic/map-table.ts'
export { loadMapTable, loadMapTopic, type MapTopics } from './map-topic/read-map.ts'
export { type Replication, type ReplicationContext, startReplication } from './run/replication.ts'
export type * from './status.ts'
