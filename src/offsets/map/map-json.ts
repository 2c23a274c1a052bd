import { TidemarkError } from '../../base/index.ts'
import { JsonValue, offsetToJson } from '../json-value.ts'
import { MapBuilder } from './map-builder.ts'
import { MapSet, type MapSetOrigin } from './map-set.ts'
import type { PartitionMap } from './partition-map.ts'

/** Ranges that a listing of a map may have unless told otherwise: some 250 MB of JSON. */
const LISTED_RANGES = 2_000_000

export interface ListOptions {
  /** More ranges than this are refused with MAP_TOO_LARGE. @default 2,000,000 */
  readonly maxRanges?: number
  /** Members to follow those of the map, for programs that want to know more. */
  readonly more?: Readonly<Record<string, unknown>>
}

/**
 * The maps as JSON text, piece by piece. One topic makes one object, several make an object with a list of
 * them under `topics`; `docs/offsets.md` has the members. Throws MAP_TOO_LARGE before the first piece when
 * the maps have more ranges than allowed.
 */
export function* mapSetToJson(set: MapSet, options: ListOptions = {}): Generator<string> {
  refuseHuge(set, options)
  const topics = [...byTopic(set).values()]
  const [only] = topics
  if (topics.length === 1 && only !== undefined) {
    yield* topicToJson(set, only, '', set, moreMembers(options))
    yield '\n'
    return
  }
  yield `{\n${origin(set, '  ')}  "topics": [`
  for (const [i, maps] of topics.entries()) {
    yield i === 0 ? '\n    ' : ',\n    '
    yield* topicToJson(undefined, maps, '    ', set)
  }
  yield `${topics.length === 0 ? ']' : '\n  ]'}${moreMembers(options)}\n}\n`
}

function moreMembers({ more = {} }: ListOptions): string {
  return Object.entries(more)
    .map(
      ([key, value]) =>
        `,\n  ${JSON.stringify(key)}: ${JSON.stringify(value, null, 2).replaceAll('\n', '\n  ')}`,
    )
    .join('')
}

/** Throws MAP_TOO_LARGE when the maps have more ranges than a listing may have. */
export function refuseHuge(set: MapSet, options: ListOptions): void {
  const most = options.maxRanges ?? LISTED_RANGES
  let ranges = 0
  for (const map of set.maps) {
    for (const _ of map.runs()) {
      if (++ranges <= most) continue
      throw new TidemarkError(
        'MAP_TOO_LARGE',
        `The offset map has more than ${most} ranges, too many to list them (${map.sourceTopic}/${map.sourcePartition} is full of holes)`,
        {
          details: { topic: map.sourceTopic, partition: map.sourcePartition },
          hint: 'Choose fewer topics; offset-reset needs no listing, it uses the compact map of the restore.',
        },
      )
    }
  }
}

function* topicToJson(
  set: MapSet | undefined,
  maps: readonly PartitionMap[],
  indent: string,
  { sourceCluster: cluster, targetTopicIds }: MapSetOrigin,
  more = '',
): Generator<string> {
  const [any] = maps
  if (any === undefined) return
  const inner = `${indent}  `
  yield '{\n'
  if (any.sourceTopic === any.targetTopic) yield `${inner}"topic": ${JSON.stringify(any.sourceTopic)},\n`
  else {
    yield `${inner}"source_topic": ${JSON.stringify(any.sourceTopic)},\n`
    yield `${inner}"target_topic": ${JSON.stringify(any.targetTopic)},\n`
  }
  const id = targetTopicIds?.get(any.targetTopic)
  if (id !== undefined) yield `${inner}"target_topic_id": ${JSON.stringify(id)},\n`
  yield set ? origin(set, inner) : `${inner}"source_cluster": ${JSON.stringify(cluster)},\n`
  yield `${inner}"mappings": [`
  let first = true
  for (const map of maps) {
    for (const run of map.runs()) {
      const last = BigInt(run.count - 1)
      yield `${first ? '' : ','}\n${inner}  ${JSON.stringify({
        partition: map.sourcePartition,
        ...(map.targetPartition === map.sourcePartition ? {} : { target_partition: map.targetPartition }),
        source_range: { start: offsetToJson(run.source), end: offsetToJson(run.source + last) },
        target_range: { start: offsetToJson(run.target), end: offsetToJson(run.target + last) },
      })}`
      first = false
    }
  }
  yield `${first ? '' : `\n${inner}`}],\n${inner}"partitions": [`
  for (const [i, map] of maps.entries()) {
    yield `${i === 0 ? '' : ','}\n${inner}  ${JSON.stringify({
      partition: map.sourcePartition,
      target_partition: map.targetPartition,
      records: map.records,
      source_end: offsetToJson(map.sourceEnd),
      copy_start: offsetToJson(map.copyStart),
      ...(map.completeFrom === undefined ? {} : { complete_from: offsetToJson(map.completeFrom) }),
      ...(map.floor ? { floor: true } : {}),
    })}`
  }
  yield `\n${inner}]${more}\n${indent}}`
}

function origin(set: MapSetOrigin, indent: string): string {
  const members: readonly (readonly [string, string | undefined])[] = [
    ['source_cluster', set.sourceCluster],
    ['source_cluster_id', set.sourceClusterId],
    ['target_cluster_id', set.targetClusterId],
    ['backup_id', set.backupId],
    ['restore_id', set.restoreId],
    ['created', set.created === undefined ? undefined : new Date(set.created).toISOString()],
  ]
  return members
    .flatMap(([key, value]) =>
      value === undefined ? [] : [`${indent}"${key}": ${JSON.stringify(value)},\n`],
    )
    .join('')
}

function byTopic(set: MapSet): Map<string, PartitionMap[]> {
  const topics = new Map<string, PartitionMap[]>()
  for (const map of set.maps) {
    const key = JSON.stringify([map.sourceTopic, map.targetTopic])
    const maps = topics.get(key)
    if (maps === undefined) topics.set(key, [map])
    else maps.push(map)
  }
  return topics
}

/**
 * Reads a mapping file: one topic's object, a list of them, or an object with `topics`. Members beyond those
 * that document the ranges may be missing: then the copy is taken to be complete and to end with its last
 * range. Throws FILE_NOT_READABLE naming the place.
 */
export function mapSetFromJson(text: string, file: string): MapSet {
  const root = JsonValue.parse(text, file)
  const isSet = !root.isList && root.at('topics').present
  const topics = root.isList ? root.list() : isSet ? root.at('topics').list() : [root]
  const head = root.isList ? undefined : root
  const cluster =
    head?.at('source_cluster').textOr(undefined) ??
    topics.map((topic) => topic.at('source_cluster').textOr(undefined)).find((name) => name !== undefined) ??
    ''
  const created = head?.at('created').textOr(undefined)
  const targetTopicIds = new Map(
    topics.flatMap((topic) => {
      const id = topic.at('target_topic_id').textOr(undefined)
      return id === undefined ? [] : [[namesOf(topic).targetTopic, id] as const]
    }),
  )
  return new MapSet(
    {
      sourceCluster: cluster,
      sourceClusterId: head?.at('source_cluster_id').textOr(undefined),
      targetClusterId: head?.at('target_cluster_id').textOr(undefined),
      backupId: head?.at('backup_id').textOr(undefined),
      restoreId: head?.at('restore_id').textOr(undefined),
      created: created === undefined || Number.isNaN(Date.parse(created)) ? undefined : Date.parse(created),
      ...(targetTopicIds.size > 0 && { targetTopicIds }),
    },
    topics.flatMap((topic) => topicFromJson(topic, cluster)),
  )
}

/** One entry of `mappings`, with its place for error messages. */
interface Listed {
  readonly source: bigint
  readonly target: bigint
  readonly count: number
  readonly place: JsonValue
}

function topicFromJson(topic: JsonValue, cluster: string): PartitionMap[] {
  const { sourceTopic, targetTopic } = namesOf(topic)
  const sourceCluster = topic.at('source_cluster').textOr(cluster)
  const ranges = new Map<string, Listed[]>()
  for (const entry of topic.at('mappings').list()) {
    const partition = entry.at('partition').count()
    const to = entry.at('target_partition')
    const key = `${partition} ${to.present ? to.count() : partition}`
    const list = ranges.get(key) ?? []
    ranges.set(key, list)
    list.push(range(entry))
  }
  const known = new Map<string, JsonValue>()
  const partitions = topic.at('partitions')
  for (const entry of partitions.present ? partitions.list() : []) {
    known.set(`${entry.at('partition').count()} ${entry.at('target_partition').count()}`, entry)
  }
  return [...new Set([...ranges.keys(), ...known.keys()])].map((key) => {
    const [sourcePartition = 0, targetPartition = 0] = key.split(' ').map(Number)
    const builder = new MapBuilder({
      sourceTopic,
      sourcePartition,
      targetTopic,
      targetPartition,
      sourceCluster,
    })
    const list = (ranges.get(key) ?? []).sort((a, b) => (a.source < b.source ? -1 : 1))
    for (const { source, target, count, place } of list) {
      const overlaps =
        (builder.nextSource !== undefined && source < builder.nextSource) ||
        (builder.nextTarget !== undefined && target < builder.nextTarget)
      if (overlaps) throw place.wrong('a range that begins after the one before it, on both sides')
      builder.append(source, target, count)
    }
    const facts = known.get(key)
    const end = builder.nextSource ?? 0n
    const sourceEnd = facts?.at('source_end').offsetOr(end) ?? end
    if (facts && sourceEnd < end)
      throw facts.at('source_end').wrong(`at least ${end}, where the last range ends`)
    return builder.seal({
      sourceEnd,
      copyStart: facts?.at('copy_start').offsetOr(0n) ?? 0n,
      completeFrom: facts?.at('complete_from').offsetOr(undefined),
      floor: facts?.at('floor').flagOr(false),
    })
  })
}

function namesOf(topic: JsonValue): { readonly sourceTopic: string; readonly targetTopic: string } {
  const both = topic.at('topic')
  return {
    sourceTopic: both.present ? both.text() : topic.at('source_topic').text(),
    targetTopic: both.present ? both.text() : topic.at('target_topic').text(),
  }
}

function range(entry: JsonValue): Listed {
  const ends = (side: string) => {
    const start = entry.at(side).at('start').offset()
    const end = entry.at(side).at('end').offset()
    if (end < start) throw entry.at(side).wrong('a range whose end is not before its start')
    return { start, count: end - start + 1n }
  }
  const source = ends('source_range')
  const target = ends('target_range')
  if (source.count !== target.count) {
    throw entry.wrong('a pair of equally long ranges, since no offset in between can be told otherwise')
  }
  if (source.count > BigInt(Number.MAX_SAFE_INTEGER))
    throw entry.at('source_range').wrong('a range of fewer than 2^53 offsets')
  return { source: source.start, target: target.start, count: Number(source.count), place: entry }
}
