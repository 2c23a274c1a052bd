import { createHash } from 'node:crypto'
import type { Position, TopicPartition } from '../../kafka/index.ts'
import { JsonValue, offsetToJson } from '../json-value.ts'
import { topicsToValues } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import { readTopicIds } from '../plan/topic-ids.ts'
import { readShareMark, shareMark } from '../share-mark.ts'
import type { Snapshot, SnapshotGroup } from './snapshot.ts'

const format = 'tidemark-offset-snapshot'

const damaged =
  'The file is not as offset-rollback wrote it: use another snapshot, or another copy of this one.'

/** A snapshot as the text of a file. */
export function snapshotToJson(snapshot: Snapshot): string {
  const values = snapshotToValues(snapshot)
  return `${JSON.stringify({ ...values, hash: hashOf(values) }, null, 2)}\n`
}

/**
 * Reads a snapshot. Throws FILE_NOT_READABLE naming the place that is wrong, also when a value is not what the hash was made of;
 * files that hold no hash are taken as they are.
 */
export function snapshotFromJson(text: string, name: string): Snapshot {
  const root = JsonValue.parse(text, name, damaged)
  root.at('format').word([format])
  root.at('version').version(1)
  const since = root.at('since')
  const topicIds = readTopicIds(root.at('topics'))
  const snapshot: Snapshot = {
    id: root.at('id').text(),
    created: time(root.at('created')),
    description: root.at('description').textOr(''),
    clusterId: root.at('cluster_id').text(),
    planHash: root.at('plan_hash').textOr(undefined),
    ...(topicIds && { topicIds }),
    groups: readGroups(root.at('groups')),
    base: since.present
      ? { id: since.at('id').text(), created: time(since.at('created')), hash: since.at('hash').text() }
      : undefined,
    removed: since.present
      ? root
          .at('removed')
          .list()
          .map((value) => ({ group: value.at('group').text(), ...readPlace(value) }))
      : [],
  }
  const hash = root.at('hash')
  if (hash.present && hash.text() !== hashOf(snapshotToValues(snapshot))) {
    throw hash.wrong('the hash of what the file holds, which was changed after it was written')
  }
  return snapshot
}

/** Whether JSON is a snapshot at all, or something else that lies beside them. Damaged JSON may be one. */
export function mayBeSnapshot(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'format' in value && value.format === format
  } catch {
    return true
  }
}

function snapshotToValues(snapshot: Snapshot): Readonly<Record<string, unknown>> {
  const { base } = snapshot
  return {
    format,
    version: 1,
    id: snapshot.id,
    created: new Date(snapshot.created).toISOString(),
    description: snapshot.description,
    cluster_id: snapshot.clusterId,
    plan_hash: snapshot.planHash ?? null,
    // Not written where none is known: the hash of a snapshot without them stays what it was.
    topics: topicsToValues(snapshot.topicIds),
    ...(base && { since: { id: base.id, created: new Date(base.created).toISOString(), hash: base.hash } }),
    groups: snapshot.groups.map(({ group, type, positions, absent, set }) => ({
      group,
      ...shareMark(type === 'share'),
      positions: positions.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
        topic,
        partition,
        offset: offsetToJson(offset),
        leader_epoch: leaderEpoch,
        metadata,
      })),
      absent: absent.map(({ topic, partition }) => ({ topic, partition })),
      // Not written where there is none: the hash of a snapshot without it stays what it was.
      ...(set && {
        set: set.map(({ topic, partition, offset }) => ({ topic, partition, offset: offsetToJson(offset) })),
      }),
    })),
    ...(base && {
      removed: snapshot.removed.map(({ group, topic, partition }) => ({ group, topic, partition })),
    }),
  }
}

function hashOf(values: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex')
}

function readGroups(value: JsonValue): readonly SnapshotGroup[] {
  const names = new Set<string>()
  return value.list().map((at) => {
    const group = readGroup(at)
    if (names.has(group.group)) throw at.wrong('a group that is not there twice')
    names.add(group.group)
    return group
  })
}

function readGroup(value: JsonValue): SnapshotGroup {
  const set = value.at('set')
  const seen = new Set<string>()
  const once = (at: JsonValue): TopicPartition => {
    const found = readPlace(at)
    const key = place(found.topic, found.partition)
    if (seen.has(key)) throw at.wrong('a partition that is not there twice')
    seen.add(key)
    return found
  }
  return {
    group: value.at('group').text(),
    ...readShareMark(value),
    positions: value
      .at('positions')
      .list()
      .map(
        (at): Position => ({
          ...once(at),
          offset: at.at('offset').offset(),
          leaderEpoch: Number(at.at('leader_epoch').offsetOr(-1n, -1n)),
          metadata: at.at('metadata').textOr(null),
        }),
      ),
    absent: value.at('absent').list().map(once),
    ...(set.present && {
      set: set.list().map((at) => ({ ...readPlace(at), offset: at.at('offset').offset() })),
    }),
  }
}

function readPlace(value: JsonValue): TopicPartition {
  return { topic: value.at('topic').text(), partition: value.at('partition').count() }
}

function time(value: JsonValue): number {
  const ms = Date.parse(value.text())
  if (Number.isNaN(ms)) throw value.wrong('a time in ISO 8601')
  return ms
}
