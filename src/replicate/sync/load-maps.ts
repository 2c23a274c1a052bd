import type { Cluster } from '../../kafka/index.ts'
import { decodeMapEntry, decodeMapKey } from '../map-topic/map-record.ts'
import { MapTable } from '../map-topic/map-table.ts'
import { TopicTail } from './topic-tail.ts'

/** The maps that a mapping topic holds now. Rejects with TOPIC_NOT_FOUND, or MAP_RECORD_INVALID for a topic of something else. */
export async function loadMaps(
  cluster: Cluster,
  topic: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<MapTable> {
  await using tail = new TopicTail(cluster, topic)
  const table = new MapTable()
  await tail.catchUp(
    ({ key, value, place }) => {
      if (key === null || value === null) return
      table.apply(decodeMapKey(key, place), decodeMapEntry(value, place))
    },
    { upTo: 'all', ...options },
  )
  table.settle()
  return table
}
