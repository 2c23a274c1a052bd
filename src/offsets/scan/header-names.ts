/** The headers that say where a restored record came from. Values are decimal text, that of the cluster its name. */
export const trackingHeaderNames = Object.freeze({
  offset: 'x-kafka-backup-offset',
  partition: 'x-kafka-backup-partition',
  cluster: 'x-kafka-backup-cluster',
  timestamp: 'x-kafka-backup-timestamp',
})

/**
 * The same as other tools write them: offset (int64) and partition (int32) little endian, the cluster as text. Their
 * `x-original-timestamp` (int64) is not needed for a map.
 */
export const foreignHeaderNames = Object.freeze({
  offset: 'x-original-offset',
  partition: 'x-source-partition',
  cluster: 'x-source-cluster',
})
