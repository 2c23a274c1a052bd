import type { PartitionProducer } from '../../kafka/index.ts'
import { type EncodableRecord, encodeBatches } from '../../records/index.ts'
import { encodePosition, encodePositionKey } from '../control/position-record.ts'
import { encodeShardKey, encodeShardMark } from '../control/shard-mark.ts'
import { encodeMapEntry, encodeMapKey, type MapKey } from '../map-topic/map-record.ts'
import type { Line } from './line.ts'
import type { LineBook } from './line-book.ts'
import type { ShardContext } from './shard-context.ts'
import type { ShardLines } from './shard-lines.ts'
import type { Ways } from './ways.ts'

/** Bytes from which on records of the pipeline's own are compressed. */
const compressFrom = 2 << 10

/** Whether the map topic is to hear of a line now. `ending`: whatever is not published yet. */
export function isPublished(
  { job, mapTopic }: ShardContext,
  line: Line,
  now: number,
  ending: boolean,
): boolean {
  if (!mapTopic) return false
  const since = now - line.publishedAt
  if (line.book.unpublished) return ending || since >= job.mapPublishInterval
  return since >= job.mapRefreshInterval
}

/**
 * Sends map entries and positions of all lines that have news, and the shard's mark. Answers what is true once it is committed. Throws
 * RECORD_TOO_LARGE.
 */
export async function writeEntries(
  context: ShardContext,
  shard: number,
  lines: ShardLines,
  ways: Ways,
  ending: boolean,
): Promise<readonly (() => void)[]> {
  const { job, clock, controlTopic, mapTopic, source, totals } = context
  const now = clock.now()
  const positions: EncodableRecord[] = []
  const maps: EncodableRecord[] = []
  const then: (() => void)[] = []
  const timestamp = BigInt(now)
  const add = (key: MapKey, book: LineBook, publish: boolean): boolean => {
    const entries = book.entries(now, mapTopic ? (publish ? 'now' : 'later') : 'never')
    const positionKey = encodePositionKey({ pipeline: job.name, ...key })
    positions.push({ timestamp, key: positionKey, value: encodePosition(entries.position) })
    for (const entry of entries.maps) {
      maps.push({ timestamp, key: encodeMapKey(key), value: encodeMapEntry(entry) })
      const runs = entry.targets.reduce((sum, target) => sum + target.runs.length, 0)
      totals.mapRuns += runs
      context.telemetry.count('replicate_map_runs', runs)
    }
    return entries.maps.length > 0
  }
  for (const line of lines.lines.values()) {
    const publish = isPublished(context, line, now, ending)
    if (!line.book.dirty && !publish) continue
    const { topic, partition } = line.route
    const key = { cluster: source.clusterId, topic: topic.source.name, partition }
    const published = add(key, line.book, publish)
    const next = line.book.to
    then.push(() => {
      line.committed = next
      if (published) line.publishedAt = now
    })
  }
  for (const { key, book } of lines.orphans.values()) if (book.dirty) add(key, book, true)
  if (lines.toBeMarked) {
    const mark = { pipeline: job.name, cluster: source.clusterId, shard }
    positions.push({ timestamp, key: encodeShardKey(mark), value: encodeShardMark(now) })
    then.push(() => {
      lines.unmarked = false
    })
  }
  if (mapTopic && maps.length > 0) {
    await send(ways.use(ways.ofOwn(mapTopic)), maps, mapTopic.limit)
    // Without a transaction a kill may come in between. What a position takes as published must be so, or the map lacks it for ever.
    if (!job.exactlyOnce) await ways.landed()
  }
  if (positions.length > 0) await send(ways.use(ways.ofOwn(controlTopic)), positions, controlTopic.limit)
  return then
}

/** Sends records in few batches. `limit`: largest batch that the topic takes. */
async function send(
  way: PartitionProducer,
  records: readonly EncodableRecord[],
  limit: number,
): Promise<void> {
  const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  const codec = bytes >= compressFrom ? 'zstd' : 'none'
  for (const batch of encodeBatches(records, { codec, maxBytes: limit })) {
    await way.send({
      buffer: batch.bytes,
      start: 0,
      end: batch.bytes.length,
      records: batch.count,
      landed: () => {},
    })
  }
}
