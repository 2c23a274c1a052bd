import { refuseDoubleKeys } from '../json-keys.ts'
import { JsonValue, offsetToJson } from '../json-value.ts'
import { readShareMark } from '../share-mark.ts'
import type { OffsetsBase, OffsetsFile, RemovedPosition, SavedGroup, SavedPosition } from './offsets-file.ts'

/** What {@link offsetsFromJson} found. */
export interface ReadOffsets {
  readonly file: OffsetsFile
  /** Positions below 0, which mean "none": left out. */
  readonly negative: number
}

/**
 * Reads a file of positions. A group's time may stand under `timestamp` or `captured_at`. Throws FILE_NOT_READABLE, naming
 * the place, also for a group, topic or partition that is there twice.
 */
export function offsetsFromJson(text: string, name: string): ReadOffsets {
  const root = JsonValue.parse(text, name)
  refuseDoubleKeys(text, name)
  const taken = time(root.at('timestamp'))
  let negative = 0
  const seen = new Set<string>()
  const groups = root
    .at('consumer_groups')
    .list()
    .map((value): SavedGroup => {
      const group = value.at('group').text()
      if (seen.has(group)) throw value.at('group').wrong('a group that is not in the file already')
      seen.add(group)
      const own = value.at('timestamp').present ? value.at('timestamp') : value.at('captured_at')
      const topics = value
        .at('topics')
        .members()
        .map(([topic, positions]) => [topic, readPositions(positions)] as const)
      return {
        group,
        ...readShareMark(value),
        taken: own.present ? time(own) : taken,
        topics: new Map(topics),
      }
    })
  const since = root.at('since')
  return {
    file: {
      taken,
      cluster: root.at('cluster').textOr(''),
      groups,
      base: since.present ? readBase(since) : undefined,
      removed: root.at('removed').present ? root.at('removed').list().flatMap(readRemoved) : [],
    },
    negative,
  }

  function readPositions(positions: JsonValue): readonly SavedPosition[] {
    const partitions = new Set<number>()
    return positions.list().flatMap((value) => {
      const partition = value.at('partition').count()
      if (partition > 0x7fffffff) throw value.at('partition').wrong('a partition')
      if (partitions.has(partition)) throw value.at('partition').wrong('a partition that is not there twice')
      partitions.add(partition)
      const offset = value.at('offset').offset(-(2n ** 63n))
      if (offset < 0n) {
        negative++
        return []
      }
      const at = value.at('timestamp')
      const epoch = value.at('leader_epoch')
      return {
        partition,
        offset,
        leaderEpoch: epoch.present ? Number(epoch.offset(-1n)) : undefined,
        metadata: value.at('metadata').textOr(null),
        timestamp: at.present ? recordTime(at) : undefined,
        lag: value.at('lag').offsetOr(undefined, -(2n ** 63n)),
      }
    })
  }
}

/** The text of a file of positions, a line for each position. */
export function offsetsToJson(file: OffsetsFile): string {
  const members = [
    `"timestamp": ${timeJson(file.taken)}`,
    `"cluster": ${JSON.stringify(file.cluster)}`,
    ...(file.base
      ? [`"since": {"timestamp": ${timeJson(file.base.taken)}, "hash": ${JSON.stringify(file.base.hash)}}`]
      : []),
    `"consumer_groups": ${listJson(file.groups.map(groupJson), '  ')}`,
    ...(file.base ? [`"removed": ${listJson(file.removed.map(removedJson), '  ')}`] : []),
  ]
  return `{\n  ${members.join(',\n  ')}\n}\n`
}

function groupJson(group: SavedGroup): string {
  const inner = ' '.repeat(6)
  const topics = [...group.topics].map(
    ([topic, positions]) =>
      `${inner}  ${JSON.stringify(topic)}: ${listJson(positions.map(positionJson), `${inner}  `)}`,
  )
  const members = [
    `"group": ${JSON.stringify(group.group)}`,
    ...(group.type ? [`"type": ${JSON.stringify(group.type)}`] : []),
    topics.length === 0 ? '"topics": {}' : `"topics": {\n${topics.join(',\n')}\n${inner}}`,
    `"timestamp": ${timeJson(group.taken)}`,
  ]
  return `{\n${inner}${members.join(`,\n${inner}`)}\n    }`
}

function positionJson(position: SavedPosition): string {
  const { partition, offset, leaderEpoch, metadata, timestamp, lag } = position
  return spaced({
    partition,
    offset: offsetToJson(offset),
    ...(leaderEpoch !== undefined && leaderEpoch >= 0 && { leader_epoch: leaderEpoch }),
    ...(metadata !== null && metadata !== '' && { metadata }),
    ...(timestamp !== undefined && { timestamp: offsetToJson(timestamp) }),
    ...(lag !== undefined && { lag: offsetToJson(lag) }),
  })
}

function removedJson({ group, topic, partition }: RemovedPosition): string {
  return spaced({ group, topic, partition })
}

/** An object on one line, as people write it. */
function spaced(object: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(object).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  )
  return `{${members.join(', ')}}`
}

function listJson(items: readonly string[], indent: string): string {
  return items.length === 0 ? '[]' : `[\n${indent}  ${items.join(`,\n${indent}  `)}\n${indent}]`
}

/** ISO 8601 to the second. */
function timeJson(ms: number): string {
  return JSON.stringify(new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z'))
}

function time(value: JsonValue): number {
  const ms = Date.parse(value.text())
  if (Number.isNaN(ms)) throw value.wrong('a time in ISO 8601')
  return ms
}

/** Ms since the epoch, or a time in ISO 8601. */
function recordTime(value: JsonValue): bigint {
  return value.isText && !/^-?\d+$/.test(value.text()) ? BigInt(time(value)) : value.offset(-1n)
}

function readBase(value: JsonValue): OffsetsBase {
  return { taken: time(value.at('timestamp')), hash: value.at('hash').text() }
}

function readRemoved(value: JsonValue): RemovedPosition {
  return {
    group: value.at('group').text(),
    topic: value.at('topic').text(),
    partition: value.at('partition').count(),
  }
}
