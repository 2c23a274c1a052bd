import { decodeAborted, encodeAborted } from './aborted-ranges.ts'
import type {
  CommitRecord,
  PartitionEntry,
  PositionsRef,
  StoredCommit,
  StoredObject,
  WriterEntry,
} from './commit-record.ts'
import { damaged } from './damaged.ts'
import type { Fields } from './fields.ts'
import { checkBackupId } from './identity.ts'
import { keys, parseDataKey } from './keys.ts'
import type { Chunk, Gap, GapReason, PartitionAccount, TopicDescription } from './model.ts'
import { isRunId } from './names.ts'
import { formatVersion, jsonInteger, openJson, sealJson } from './sealed-json.ts'

const kind = 'tidemark-commit'

/** Numbers of the gap reasons and codecs in the index of a checkpoint are their places here. */
export const gapReasons = [
  'retention',
  'truncated',
  'recreated',
  'lost',
  'not-asked',
] as const satisfies GapReason[]
export const codecs = ['none', 'zstd', 'lz4', 'gzip'] as const

export function encodeCommit(
  record: CommitRecord,
  backupId: string,
): { readonly bytes: Buffer; readonly sha256: string } {
  const places = new Map(record.objects.map(({ key }, i) => [key, i]))
  return sealJson({
    kind,
    format: formatVersion,
    backup_id: backupId,
    commit: record.commit,
    previous: record.previous,
    token: record.token,
    written: record.written,
    final: record.final,
    writer: encodeWriter(record.writer),
    checkpoint: record.checkpoint,
    objects: record.objects,
    topics: record.topics.map(encodeTopic),
    partitions: record.partitions.map((entry) => encodePartition(entry, places)),
    positions: record.positions ? encodePositionsRef(record.positions) : null,
  })
}

/** Throws ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
export function decodeCommit(bytes: Buffer, number: number, backupId: string): StoredCommit {
  const object = keys.commit(number)
  const { fields, sha256 } = openJson(bytes, object, kind)
  checkBackupId(fields.text('backup_id'), backupId, object)
  if (fields.count('commit') !== number)
    throw damaged(object, `says that it is commit ${fields.count('commit')}`)
  const objects = decodeObjects(fields)
  return {
    commit: number,
    previous: fields.sha256('previous'),
    token: fields.text('token'),
    written: fields.count('written'),
    final: fields.flag('final'),
    writer: decodeWriter(fields.fields('writer')),
    checkpoint: fields.count('checkpoint'),
    objects,
    topics: fields.rows('topics').map(decodeTopic),
    partitions: fields.rows('partitions').map((row) => decodePartition(row, objects)),
    positions: decodePositionsRef(fields.optionalFields('positions')),
    sha256,
    bytes: bytes.length,
  }
}

export function encodeWriter(writer: WriterEntry): Readonly<Record<string, unknown>> {
  const { runId, host, pid, space, birth, started, software } = writer
  return { run_id: runId, host, pid, space, birth, started, software }
}

export function decodeWriter(fields: Fields): WriterEntry {
  const runId = fields.text('run_id')
  if (!isRunId(runId)) fields.wrong('run_id', 'a run id')
  return {
    runId,
    host: fields.text('host'),
    pid: fields.count('pid'),
    space: fields.text('space'),
    birth: fields.text('birth'),
    started: fields.count('started'),
    software: fields.text('software'),
  }
}

export function encodeTopic(topic: TopicDescription): Readonly<Record<string, unknown>> {
  return {
    name: topic.name,
    topic_id: topic.topicId ?? null,
    partitions: topic.partitions,
    replication_factor: topic.replicationFactor,
    configs: topic.configs,
    inherited: topic.inherited,
  }
}

export function decodeTopic(fields: Fields): TopicDescription {
  return {
    name: fields.text('name'),
    topicId: fields.optionalText('topic_id'),
    partitions: fields.count('partitions'),
    replicationFactor: fields.count('replication_factor'),
    configs: fields.texts('configs'),
    inherited: fields.texts('inherited'),
  }
}

export function encodePositionsRef(ref: PositionsRef): Readonly<Record<string, unknown>> {
  const { key, size, sha256, taken, groups, failed } = ref
  return { object: key, size, sha256, taken, groups, failed }
}

export function decodePositionsRef(fields: Fields | undefined): PositionsRef | undefined {
  if (!fields) return undefined
  const key = fields.text('object')
  if (!/^positions\/[A-Za-z0-9_-]+\.json\.zst$/.test(key)) fields.wrong('object', 'the key of a capture')
  return {
    key,
    size: fields.count('size'),
    sha256: fields.sha256('sha256'),
    taken: fields.count('taken'),
    groups: fields.count('groups'),
    failed: fields.count('failed'),
  }
}

function decodeObjects(fields: Fields): readonly StoredObject[] {
  return fields.rows('objects').map((row) => {
    const key = row.text('key')
    if (!parseDataKey(key)) row.wrong('key', 'the key of a data object')
    return { key, size: row.count('size') }
  })
}

function encodePartition({ account, chunks }: PartitionEntry, places: ReadonlyMap<string, number>): unknown {
  return {
    topic: account.topic,
    topic_id: account.topicId ?? null,
    partition: account.partition,
    from: jsonInteger(account.from),
    to: jsonInteger(account.to),
    leader_epoch: account.leaderEpoch,
    log_start: jsonInteger(account.logStartOffset),
    log_end: jsonInteger(account.endOffset),
    ...(account.divergence !== undefined && { divergence: jsonInteger(account.divergence) }),
    ...(account.aborted.length > 0 && { aborted: encodeAborted(account.from, account.aborted) }),
    ...(account.gaps.length > 0 && { gaps: account.gaps.map(encodeGap) }),
    ...(chunks.length > 0 && { chunks: chunks.map((chunk) => encodeChunk(chunk, places)) }),
  }
}

function decodePartition(row: Fields, objects: readonly StoredObject[]): PartitionEntry {
  const topic = row.text('topic')
  if (topic === '' || topic.length > 249) row.wrong('topic', 'the name of a topic')
  const from = row.integer('from')
  const to = row.integer('to')
  if (from < 0n || to < from) row.wrong('to', `an offset from ${from} on`)
  const account: PartitionAccount = {
    topic,
    topicId: row.optionalText('topic_id'),
    partition: row.count('partition'),
    from,
    to,
    leaderEpoch: row.small('leader_epoch'),
    logStartOffset: row.integer('log_start'),
    endOffset: row.integer('log_end'),
    ...(row.has('divergence') && { divergence: row.integer('divergence') }),
    aborted: row.has('aborted') ? decodeAborted(from, row, 'aborted') : [],
    gaps: row.optionalRows('gaps').map(decodeGap),
  }
  if (account.divergence !== undefined && account.divergence !== from) row.wrong('divergence', `${from}`)
  return { account, chunks: row.optionalRows('chunks').map((chunk) => decodeChunk(chunk, account, objects)) }
}

function encodeGap(gap: Gap): unknown {
  return { from: jsonInteger(gap.from), to: jsonInteger(gap.to), reason: gap.reason, found: gap.found }
}

function decodeGap(row: Fields): Gap {
  return {
    from: row.integer('from'),
    to: row.integer('to'),
    reason: row.oneOf('reason', gapReasons),
    found: row.count('found'),
  }
}

function encodeChunk(chunk: Chunk, places: ReadonlyMap<string, number>): unknown {
  return {
    first: jsonInteger(chunk.firstOffset),
    last: jsonInteger(chunk.lastOffset),
    records: chunk.records,
    max_timestamp: jsonInteger(chunk.maxTimestamp),
    largest_batch: chunk.largestBatch,
    object: places.get(chunk.object),
    position: chunk.position,
    stored: chunk.storedLength,
    raw: chunk.rawLength,
    codec: chunk.codec,
    sha256: chunk.sha256,
  }
}

function decodeChunk(row: Fields, account: PartitionAccount, objects: readonly StoredObject[]): Chunk {
  const object = objects[row.count('object')]
  if (!object) return row.wrong('object', 'the number of an object')
  const chunk: Chunk = {
    topic: account.topic,
    topicId: account.topicId,
    partition: account.partition,
    firstOffset: row.integer('first'),
    lastOffset: row.integer('last'),
    records: row.count('records'),
    maxTimestamp: row.integer('max_timestamp'),
    largestBatch: row.count('largest_batch'),
    object: object.key,
    position: row.count('position'),
    storedLength: row.count('stored'),
    rawLength: row.count('raw'),
    codec: row.oneOf('codec', codecs),
    sha256: row.sha256('sha256'),
  }
  if (chunk.firstOffset < 0n || chunk.lastOffset < chunk.firstOffset) row.wrong('last', 'an offset')
  if (chunk.lastOffset < account.from || chunk.lastOffset >= account.to)
    row.wrong('last', 'an offset of the account')
  if (chunk.position + chunk.storedLength > object.size) row.wrong('position', 'a place in the object')
  if (Math.max(chunk.storedLength, chunk.rawLength, chunk.records, chunk.largestBatch) > 0xffff_ffff)
    row.wrong('raw', 'less than 4 GiB')
  return chunk
}
