import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Stage } from './e2e-stage.ts'
import type { SeenRecord } from './java-client.ts'
import { contentOf, keyOf } from './record-lists.ts'

/** A topic as it should have come to the target. */
export interface RestoredTopic {
  readonly source: string
  readonly target: string
  /** What Kafka's own client reads of the source, partition by partition. */
  readonly records: readonly (readonly SeenRecord[])[]
  /** Offset at which each partition of the source ends: the last record, marker or hole, plus one. */
  readonly ends: readonly bigint[]
}

/** Captured positions of a group: source topic → partition → offset. */
export type GroupStand = Readonly<Record<string, Readonly<Record<number, bigint>>>>

interface MappingJson {
  readonly topic?: string
  readonly source_topic?: string
  readonly target_topic?: string
  readonly mappings: readonly {
    readonly partition: number
    readonly target_partition?: number
    readonly source_range: { readonly start: number | string; readonly end: number | string }
    readonly target_range: { readonly start: number | string; readonly end: number | string }
  }[]
}

interface Place {
  readonly partition: number
  readonly offset: bigint
}

/**
 * Holds a restore to what it promises, from records read by Kafka's own client on both sides and the mapping file that users get:
 * every committed record of the source lies on the target exactly once and nothing else does; the file names for each record the
 * place where exactly this record lies, and no other place; the order of every partition is kept.
 */
export async function assertRestored(
  stage: Stage,
  topics: readonly RestoredTopic[],
  mappingFile: string,
  options: { readonly offsetHeaders?: boolean } = {},
): Promise<ReadonlyMap<string, RestoredLog>> {
  const root = JSON.parse(await readFile(mappingFile, 'utf8')) as MappingJson & { topics?: MappingJson[] }
  const mappings = root.topics ?? [root]
  const logs = new Map<string, RestoredLog>()
  for (const topic of topics) {
    const mapping = mappings.find((each) => (each.source_topic ?? each.topic) === topic.source)
    assert.ok(mapping, `the mapping file has no ${topic.source}`)
    assert.equal(mapping.target_topic ?? mapping.topic, topic.target)
    const target = await stage.read(stage.target, topic.target)
    const map = expand(mapping)
    const came = new Map<string, Place>()
    const size = topic.records.reduce((sum, records) => sum + records.length, 0)
    assert.equal(
      target.reduce((sum, records) => sum + records.length, 0),
      size,
      `${topic.target}: records on the target`,
    )
    assert.equal(map.size, size, `${topic.target}: records in the map`)
    const byPlace = target.map((records) => new Map(records.map((record) => [record.offset, record])))
    for (const [partition, records] of topic.records.entries()) {
      const last = new Map<number, bigint>()
      for (const record of records) {
        const place = map.get(`${partition}@${record.offset}`)
        const name = `${topic.source}/${partition}@${record.offset} (${keyOf(record)})`
        assert.ok(place, `${name} is not in the map`)
        const found = byPlace[place.partition]?.get(place.offset)
        assert.ok(found, `${name} should lie at ${place.partition}@${place.offset}, where nothing is`)
        const { content, header } = options.offsetHeaders
          ? withoutHeaders(found)
          : { content: contentOf(found) }
        if (content !== contentOf(record))
          assert.fail(`${name} should lie at ${place.partition}@${place.offset}, where ${keyOf(found)} is`)
        if (options.offsetHeaders) assert.equal(header, String(record.offset), `${name}: its header`)
        const before = last.get(place.partition) ?? -1n
        assert.ok(place.offset > before, `${name} lies before its predecessor`)
        last.set(place.partition, place.offset)
        const taken = `${place.partition}@${place.offset}`
        assert.equal(came.get(taken), undefined, `${taken} is the place of two records`)
        came.set(taken, { partition, offset: record.offset })
      }
    }
    logs.set(topic.target, { target, came })
  }
  return logs
}

/** The target's records, and where the record at each place came from. */
export interface RestoredLog {
  readonly target: readonly (readonly SeenRecord[])[]
  readonly came: ReadonlyMap<string, Place>
}

/**
 * The group's next record in every partition of the target is the first that it had not read at the source; where all were read,
 * its position lies behind them and not beyond the log's end.
 */
export async function assertGroup(
  stage: Stage,
  topics: readonly RestoredTopic[],
  logs: ReadonlyMap<string, RestoredLog>,
  group: string,
  stand: GroupStand,
): Promise<void> {
  const positions = await stage.target.admin.positions(group)
  for (const topic of topics) {
    const log = logs.get(topic.target)
    assert.ok(log)
    const ends = await stage.target.admin.partitions(topic.target)
    for (const [partition, records] of log.target.entries()) {
      const name = `${group} in ${topic.target}/${partition}`
      const origins: readonly (Place | undefined)[] = records.map((record) =>
        log.came.get(`${partition}@${record.offset}`),
      )
      const feeding = new Set(origins.map((origin) => origin?.partition))
      const stood: Readonly<Record<number, bigint>> = stand[topic.source] ?? {}
      const position = positions.find((p) => p.topic === topic.target && p.partition === partition)?.offset
      if (records.length > 0 && ![...feeding].some((from) => from !== undefined && from in stood)) {
        assert.equal(position, undefined, `${name}: it had none`)
        continue
      }
      if (position === undefined) {
        assert.equal(records.length, 0, `${name}: no position`)
        continue
      }
      const unread = records.find((_, i): boolean => {
        const origin = origins[i]
        return origin !== undefined && origin.offset >= (stood[origin.partition] ?? 0n)
      })
      const next = records.find((record) => record.offset >= position)
      assert.equal(next?.offset, unread?.offset, `${name}: next record of position ${position}`)
      assert.ok(position <= (ends[partition]?.end ?? -1n), `${name}: ${position} is beyond the log`)
    }
  }
}

/** Where each source record went, `partition@offset`. */
function expand(mapping: MappingJson): Map<string, Place> {
  const found = new Map<string, Place>()
  for (const { partition, target_partition, source_range, target_range } of mapping.mappings) {
    const [from, to] = [BigInt(source_range.start), BigInt(source_range.end)]
    const shift = BigInt(target_range.start) - from
    assert.equal(BigInt(target_range.end) - shift, to, 'both ranges are of one length')
    for (let offset = from; offset <= to; offset++) {
      const key = `${partition}@${offset}`
      assert.ok(!found.has(key), `${key} is in the map twice`)
      found.set(key, { partition: target_partition ?? partition, offset: offset + shift })
    }
  }
  return found
}

/** A record without the headers that a restore adds, and the source offset that they name. */
function withoutHeaders(record: SeenRecord): { readonly content: string; readonly header?: string } {
  const own = record.headers.filter(({ key }) => !key.startsWith('x-kafka-backup-'))
  const header = record.headers.find(({ key }) => key === 'x-kafka-backup-offset')?.value?.toString()
  return {
    content: contentOf({ ...record, headers: own }),
    ...(header !== undefined && { header }),
  }
}
