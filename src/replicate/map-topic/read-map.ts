import { TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader } from '../../kafka/index.ts'
import type { MapSet } from '../../offsets/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { readToEnd, type TopicRecord } from '../control/topic-walk.ts'
import { decodeMapEntry, decodeMapKey } from './map-record.ts'
import { MapTable, type MapTableChoice } from './map-table.ts'

/** Where maps are kept on the target. */
export interface MapTopics {
  readonly map: string
  /** Holds what the map topic does not hold yet; undefined = maps may be a second behind. */
  readonly control: string | undefined
}

/**
 * The maps that a map topic holds: both topics are read to their ends as they are when this is called. Rejects with TOPIC_NOT_FOUND,
 * MAP_RECORD_INVALID, and the errors of the cluster.
 */
export async function loadMapTable(
  cluster: Cluster,
  topics: MapTopics,
  signal: AbortSignal,
): Promise<MapTable> {
  const table = new MapTable()
  // The control topic first: then the map topic holds everything that the positions take as published.
  if (topics.control !== undefined) {
    await readTopic(cluster, topics.control, signal, ({ key, value }, place) => {
      const position = decodePositionKey(key, place)
      if (position) table.applyTail(position, decodePosition(value, place))
    })
  }
  await readTopic(cluster, topics.map, signal, ({ key, value }, place) => {
    table.apply(decodeMapKey(key, place), decodeMapEntry(value, place))
  })
  table.settle()
  return table
}

/** The same as a set, for translating positions: of one source, and of one pipeline where several copy the same topics. */
export async function loadMapTopic(
  cluster: Cluster,
  topics: MapTopics,
  choice: MapTableChoice & { readonly signal: AbortSignal },
): Promise<MapSet> {
  const table = await loadMapTable(cluster, topics, choice.signal)
  return table.set({ ...choice, targetClusterId: cluster.clusterId })
}

async function readTopic(
  cluster: Cluster,
  topic: string,
  signal: AbortSignal,
  apply: (record: { readonly key: Buffer; readonly value: Buffer }, place: string) => void,
): Promise<void> {
  const [info] = await cluster.topics([topic], { signal })
  if (!info) {
    throw new TidemarkError('TOPIC_NOT_FOUND', `The topic ${JSON.stringify(topic)} does not exist`, {
      details: { topic },
      hint: 'It is made by the replication; give its name as it is configured there.',
    })
  }
  await using reader = new PositionReader(cluster)
  const take = ({ key, value, partition, offset }: TopicRecord): void => {
    if (key !== null && value !== null)
      apply({ key, value }, `The record at offset ${offset} of ${topic}-${partition}`)
  }
  await Promise.all(
    info.partitions.map(({ partition }) =>
      readToEnd(cluster, reader, { topic, partition }, 0n, take, signal),
    ),
  )
}
