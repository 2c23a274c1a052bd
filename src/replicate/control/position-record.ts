import { JsonValue } from '../../offsets/index.ts'
import {
  type MapEntry,
  type MapKey,
  mapEntryFromJson,
  mapEntryToJson,
  reading,
} from '../map-topic/map-record.ts'

/** Whose position it is: the key of a position in the control topic. Other keys there have another `type`. */
export interface PositionKey extends MapKey {
  readonly pipeline: string
}

/**
 * Where the copy of a partition stands: everything before `to` is on the target or accounted for. [`from`, `to`) with its runs is
 * what the map topic does not hold yet, in the same form.
 */
export interface PositionEntry extends MapEntry {
  /** Leader epoch of the last source batch seen, −1 for none. */
  readonly leaderEpoch: number
  /** Topic id on the target, where it has them. */
  readonly targetTopicId: string | undefined
  /** Why the partition is not copied any more, for which action `hold` was configured. */
  readonly held: 'gap' | 'truncated' | 'recreated' | 'lost' | undefined
}

export function encodePositionKey({ pipeline, cluster, topic, partition }: PositionKey): Buffer {
  return Buffer.from(JSON.stringify({ type: 'position', pipeline, cluster, topic, partition }))
}

export function encodePosition(entry: PositionEntry): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...mapEntryToJson(entry),
      leaderEpoch: entry.leaderEpoch,
      ...(entry.targetTopicId !== undefined && { targetTopicId: entry.targetTopicId }),
      ...(entry.held !== undefined && { held: entry.held }),
    }),
  )
}

const holdReasons = ['gap', 'truncated', 'recreated', 'lost'] as const

/** Undefined for keys of another type. Throws MAP_RECORD_INVALID, naming the record by `place`. */
export function decodePositionKey(bytes: Buffer, place: string): PositionKey | undefined {
  return reading(place, () => {
    const key = JsonValue.parse(bytes.toString(), place)
    if (key.at('type').textOr('') !== 'position') return undefined
    return {
      pipeline: key.at('pipeline').text(),
      cluster: key.at('cluster').text(),
      topic: key.at('topic').text(),
      partition: key.at('partition').count(),
    }
  })
}

/** Throws MAP_RECORD_INVALID, naming the record by `place`. */
export function decodePosition(bytes: Buffer, place: string): PositionEntry {
  return reading(place, () => {
    const value = JsonValue.parse(bytes.toString(), place)
    const held = value.at('held')
    return {
      ...mapEntryFromJson(value, place),
      leaderEpoch: Number(value.at('leaderEpoch').offset(-1n)),
      targetTopicId: value.at('targetTopicId').textOr(undefined),
      held: held.present ? held.word(holdReasons) : undefined,
    }
  })
}
