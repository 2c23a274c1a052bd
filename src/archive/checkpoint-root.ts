import { decodePositionsRef, decodeWriter, encodePositionsRef, encodeWriter } from './commit-json.ts'
import type { PositionsRef, StoredObject, WriterEntry } from './commit-record.ts'
import { damaged } from './damaged.ts'
import { type Fields, toInteger } from './fields.ts'
import type { Totals } from './generation.ts'
import { checkBackupId } from './identity.ts'
import { keys } from './keys.ts'
import { isRunId } from './names.ts'
import type { LineState } from './partition-line.ts'
import { formatVersion, jsonInteger, openJson, sealJson } from './sealed-json.ts'

const kind = 'tidemark-checkpoint'

/** A compressed piece of an `.index` object. */
export interface BlockRef {
  readonly key: string
  readonly position: number
  readonly stored: number
  readonly raw: number
  readonly sha256: string
}

/** What the root of a checkpoint says of a generation; its chunks are in the blocks. */
export interface GenerationEntry {
  readonly topic: string
  readonly topicId: string | undefined
  /** Partition count of the newest description, 0 for none. */
  readonly described: number
  readonly totals: Totals
  readonly states: ReadonlyMap<number, LineState>
  readonly blocks: readonly BlockRef[]
}

/** A checkpoint's root as a value. */
export interface CheckpointRoot {
  readonly commit: number
  readonly commitSha256: string
  readonly written: number
  readonly writer: WriterEntry
  /** The `.index` objects that blocks lie in. */
  readonly objects: readonly StoredObject[]
  /** In the order in which they first appeared. */
  readonly generations: readonly GenerationEntry[]
  readonly descriptions: readonly BlockRef[]
  readonly positions: PositionsRef | undefined
}

export function encodeRoot(root: CheckpointRoot, backupId: string): Buffer {
  const places = new Map(root.objects.map(({ key }, i) => [key, i]))
  const block = ({ key, position, stored, raw, sha256 }: BlockRef) => [
    places.get(key),
    position,
    stored,
    raw,
    sha256,
  ]
  return sealJson({
    kind,
    format: formatVersion,
    backup_id: backupId,
    commit: root.commit,
    commit_sha256: root.commitSha256,
    written: root.written,
    writer: encodeWriter(root.writer),
    objects: root.objects,
    topics: root.generations.map((generation) => ({
      topic: generation.topic,
      topic_id: generation.topicId ?? null,
      described: generation.described,
      ...encodeTotals(generation.totals),
      states: [...generation.states].map(([partition, { next, leaderEpoch, ended }]) => [
        partition,
        jsonInteger(next),
        leaderEpoch,
        ...(ended ? [ended] : []),
      ]),
      blocks: generation.blocks.map(block),
    })),
    descriptions: root.descriptions.map(block),
    positions: root.positions ? encodePositionsRef(root.positions) : null,
  }).bytes
}

function encodeTotals({ maxTimestamp, ...counts }: Totals): Readonly<Record<string, unknown>> {
  return { ...counts, max_timestamp: jsonInteger(maxTimestamp) }
}

/** Throws ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
export function decodeRoot(bytes: Buffer, commit: number, backupId: string): CheckpointRoot {
  const object = keys.checkpointRoot(commit)
  const { fields } = openJson(bytes, object, kind)
  checkBackupId(fields.text('backup_id'), backupId, object)
  if (fields.count('commit') !== commit)
    throw damaged(object, `says that it is of commit ${fields.count('commit')}`)
  const objects = fields.rows('objects').map((row) => {
    const key = row.text('key')
    if (!isIndexKey(key)) row.wrong('key', 'the key of an index')
    return { key, size: row.count('size') }
  })
  return {
    commit,
    commitSha256: fields.sha256('commit_sha256'),
    written: fields.count('written'),
    writer: decodeWriter(fields.fields('writer')),
    objects,
    generations: fields.rows('topics').map((row) => decodeEntry(row, objects)),
    descriptions: decodeBlocks(fields, 'descriptions', objects),
    positions: decodePositionsRef(fields.optionalFields('positions')),
  }
}

function isIndexKey(key: string): boolean {
  const [, run] = /^checkpoints\/\d{20}\/([A-Za-z0-9_-]+)\.index$/.exec(key) ?? []
  return run !== undefined && isRunId(run)
}

function decodeEntry(row: Fields, objects: readonly StoredObject[]): GenerationEntry {
  return {
    topic: row.text('topic'),
    topicId: row.optionalText('topic_id'),
    described: row.count('described'),
    totals: {
      records: row.count('records'),
      raw: row.count('raw'),
      stored: row.count('stored'),
      chunks: row.count('chunks'),
      gaps: row.count('gaps'),
      maxTimestamp: row.integer('max_timestamp'),
    },
    states: new Map(row.list('states').map((values) => decodeState(values, row))),
    blocks: decodeBlocks(row, 'blocks', objects),
  }
}

function decodeState(values: unknown, row: Fields): [number, LineState] {
  const [partition, next, leaderEpoch, ended] = Array.isArray(values) ? (values as unknown[]) : []
  const at = toInteger(next)
  const known = ended === undefined || ended === 'lost' || ended === 'recreated'
  if (!isCount(partition) || !Number.isSafeInteger(leaderEpoch) || at === undefined || !known) {
    return row.wrong('states', 'partition, next offset, leader epoch')
  }
  return [partition, { next: at, leaderEpoch: leaderEpoch as number, ended }]
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Bytes of a block, stored or not; more is not read into memory because a root says so. */
const largestBlock = 1 << 30

function decodeBlocks(row: Fields, name: string, objects: readonly StoredObject[]): readonly BlockRef[] {
  return row.list(name).map((values) => {
    const [place, position, stored, raw, sha256] = Array.isArray(values) ? (values as unknown[]) : []
    const object = objects[Number(place)]
    const numbers = [position, stored, raw].map(Number)
    const [at = -1, length = -1, whole = -1] = numbers
    const fits =
      numbers.every((n) => Number.isSafeInteger(n) && n >= 0) &&
      at + length <= (object?.size ?? 0) &&
      Math.max(length, whole) <= largestBlock
    if (!object || !fits || typeof sha256 !== 'string') return row.wrong(name, 'blocks')
    return { key: object.key, position: at, stored: length, raw: whole, sha256 }
  })
}
