import { JsonValue, offsetToJson } from '../../offsets/index.ts'
import { reading } from '../map-topic/map-record.ts'
import type { RememberedCommit } from './decide.ts'
import type { OwnRecord } from './record-writer.ts'

/*
 * What the sync of groups keeps in the control topic, beside the positions of the copy:
 *
 * {"type":"commit","pipeline":…,"group":…,"topic":…,"partition":…}    a commit whose metadata is the application's
 * {"type":"group","pipeline":…,"group":…}                             a group that a fail-over took out of the sync
 */

const version = 1

export interface CommitKey {
  readonly pipeline: string
  readonly group: string
  /** Of the target. */
  readonly topic: string
  readonly partition: number
}

/** A group that is not kept in step any more. */
export interface HandOver {
  /** Ms since the epoch. */
  readonly since: number
  /** What took it out. */
  readonly by: string
}

/** What a record of the control topic says of the sync; undefined for records of others. */
export type GroupRecord =
  | {
      readonly type: 'commit'
      readonly key: CommitKey
      /** Undefined: forgotten. */
      readonly remembered: RememberedCommit | undefined
    }
  | {
      readonly type: 'group'
      readonly pipeline: string
      readonly group: string
      /** Undefined: kept in step again. */
      readonly handOver: HandOver | undefined
    }

export function commitRecord(key: CommitKey, remembered: RememberedCommit | undefined): OwnRecord {
  const { pipeline, group, topic, partition } = key
  return {
    key: json({ type: 'commit', pipeline, group, topic, partition }),
    value:
      remembered === undefined
        ? null
        : json({
            version,
            mapping: offsetToJson(remembered.version),
            commits: remembered.commits.map(({ offset, metadata }) => ({
              offset: offsetToJson(offset),
              metadata,
            })),
          }),
  }
}

export function handOverRecord(pipeline: string, group: string, handOver: HandOver | undefined): OwnRecord {
  return {
    key: json({ type: 'group', pipeline, group }),
    value: handOver === undefined ? null : json({ version, since: handOver.since, by: handOver.by }),
  }
}

/** Reads a record of the control topic. Throws MAP_RECORD_INVALID, naming the record by `place`. */
export function decodeGroupRecord(
  keyBytes: Buffer | null,
  valueBytes: Buffer | null,
  place: string,
): GroupRecord | undefined {
  if (keyBytes === null) return undefined
  return reading(place, () => {
    const key = JsonValue.parse(keyBytes.toString(), place)
    const type = key.at('type').textOr('')
    if (type !== 'commit' && type !== 'group') return undefined
    const value = valueBytes === null ? undefined : JsonValue.parse(valueBytes.toString(), place)
    const pipeline = key.at('pipeline').text()
    const group = key.at('group').text()
    if (type === 'group') {
      const handOver = value && { since: value.at('since').count(), by: value.at('by').text() }
      return { type, pipeline, group, handOver }
    }
    const remembered = value && {
      version: value.at('mapping').offset(),
      commits: value
        .at('commits')
        .list()
        .map((commit) => ({ offset: commit.at('offset').offset(), metadata: commit.at('metadata').text() })),
    }
    return {
      type,
      key: { pipeline, group, topic: key.at('topic').text(), partition: key.at('partition').count() },
      remembered,
    }
  })
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
