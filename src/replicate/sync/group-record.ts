import { JsonValue, offsetToJson } from '../../offsets/index.ts'
import { reading } from '../map-topic/map-record.ts'
import type { RememberedCommit } from './decide.ts'
import type { OwnRecord } from './record-writer.ts'

/*
 * What the sync of groups keeps in the control topic, beside the positions of the copy:
 *
 * {"type":"commit","pipeline":…,"group":…,"topic":…,"partition":…}    a commit whose metadata is the application's
 * {"type":"group","pipeline":…,"group":…}                             a group that a fail-over took out of the sync
 *
 * Nothing is taken back by an empty value: each has the time at which it was written, and the newest of a key counts, so that
 * partitions that are added to the topic do no harm.
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
      /** Ms since the epoch. */
      readonly written: number
      /** Undefined: forgotten. */
      readonly remembered: RememberedCommit | undefined
    }
  | {
      readonly type: 'group'
      readonly pipeline: string
      readonly group: string
      /** Ms since the epoch. */
      readonly written: number
      /** Undefined: kept in step again. */
      readonly handOver: HandOver | undefined
    }

export function commitRecord(
  key: CommitKey,
  remembered: RememberedCommit | undefined,
  written: number,
): OwnRecord {
  const { pipeline, group, topic, partition } = key
  return {
    key: json({ type: 'commit', pipeline, group, topic, partition }),
    value: json({
      version,
      written,
      mapping: offsetToJson(remembered?.version ?? 0n),
      commits: (remembered?.commits ?? []).map(({ offset, metadata }) => ({
        offset: offsetToJson(offset),
        metadata,
      })),
    }),
  }
}

export function handOverRecord(
  pipeline: string,
  group: string,
  handOver: HandOver | undefined,
  written: number,
): OwnRecord {
  return {
    key: json({ type: 'group', pipeline, group }),
    value: json({ version, written, ...(handOver && { since: handOver.since, by: handOver.by }) }),
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
    if ((type !== 'commit' && type !== 'group') || valueBytes === null) return undefined
    const value = JsonValue.parse(valueBytes.toString(), place)
    const pipeline = key.at('pipeline').text()
    const group = key.at('group').text()
    const written = value.at('written').count()
    if (type === 'group') {
      const since = value.at('since')
      const handOver = since.present ? { since: since.count(), by: value.at('by').text() } : undefined
      return { type, pipeline, group, written, handOver }
    }
    const commits = value
      .at('commits')
      .list()
      .map((commit) => ({ offset: commit.at('offset').offset(), metadata: commit.at('metadata').text() }))
    return {
      type,
      written,
      key: { pipeline, group, topic: key.at('topic').text(), partition: key.at('partition').count() },
      remembered: commits.length === 0 ? undefined : { version: value.at('mapping').offset(), commits },
    }
  })
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
