import type { RecordCursor } from '../../records/index.ts'
import { foreignHeaderNames, trackingHeaderNames } from './header-names.ts'

/** Whose copy a record is, by its headers. */
export const origin = Object.freeze({
  /** No headers say that it is a copy. */
  none: 0,
  /** Of the source asked for. */
  source: 1,
  /** A copy that does not say of which cluster. */
  unnamed: 2,
  /** Of another cluster. */
  other: 3,
  /** Headers are there, but cannot be understood. */
  unreadable: 4,
})
export type Origin = (typeof origin)[keyof typeof origin]

/** A number that no header gave, and one that cannot be read. */
const ABSENT = -1
const BAD = -2
/** The same for the name of the cluster. */
const UNNAMED = 0
const SOURCE = 1
const OTHER = 2
const CONTRADICTION = 3

const TWO_32 = 0x1_0000_0000
const LAST_PARTITION = 0x7fff_ffff
/** Bytes of the name of another cluster that are told. */
const LONGEST_NAME = 250
/** Decimal digits of 2^53. */
const MOST_DIGITS = 16

const offsetKey = Buffer.from(trackingHeaderNames.offset)
const partitionKey = Buffer.from(trackingHeaderNames.partition)
const clusterKey = Buffer.from(trackingHeaderNames.cluster)
const foreignOffsetKey = Buffer.from(foreignHeaderNames.offset)
const foreignPartitionKey = Buffer.from(foreignHeaderNames.partition)
const foreignClusterKey = Buffer.from(foreignHeaderNames.cluster)

/**
 * Reads from a record's headers where it came from, without copying or making anything. Two forms are understood; where
 * a record carries both, ours counts, unless it names another cluster and theirs names the source.
 *
 *     x-kafka-backup-offset, -partition, -cluster                decimal text, decimal text, name
 *     x-original-offset, x-source-partition, x-source-cluster    int64 and int32 little endian, name
 *
 * A header that is there twice and says two things makes a record unreadable: which of them holds cannot be told. So do
 * offsets from 2^53 on, which no log reaches.
 */
export class TrackingReader {
  readonly #source: Buffer
  /** Of a record of the source, or of an unnamed one: its offset there. */
  offset = ABSENT
  /** The partition that it came from; −1 where the headers do not say. */
  partition = ABSENT
  #body: Buffer = Buffer.alloc(0)
  #otherAt = 0
  #otherEnd = 0
  #lastOther: Buffer | undefined

  /** `source`: the cluster's name, as headers have it. */
  constructor(source: string) {
    this.#source = Buffer.from(source)
  }

  /** The cluster that the record just read, of origin `other`, names; undefined when it is the one that was told last. */
  newOtherCluster(): string | undefined {
    const at = this.#otherAt
    const end = Math.min(this.#otherEnd, at + LONGEST_NAME)
    const last = this.#lastOther
    if (last !== undefined && end - at === last.length && matches(this.#body, at, last)) return undefined
    this.#lastOther = Buffer.from(this.#body.subarray(at, end))
    return this.#lastOther.toString()
  }

  /** Reads the headers of the cursor's record. Throws RECORD_CORRUPT where they are none. */
  read(cursor: RecordCursor): Origin {
    if (cursor.headersCount() === 0) return origin.none
    const { body } = cursor
    this.#body = body
    let offset = ABSENT
    let partition = ABSENT
    let cluster = UNNAMED
    let foreignOffset = ABSENT
    let foreignPartition = ABSENT
    let foreignCluster = UNNAMED
    while (cursor.nextHeader()) {
      const at = cursor.headerKeyAt
      // The lengths of the names differ, and tell nearly always which header it can be.
      switch (cursor.headerKeyEnd - at) {
        case offsetKey.length:
          if (matches(body, at, offsetKey)) offset = both(offset, decimal(cursor))
          break
        case partitionKey.length:
          if (matches(body, at, partitionKey)) partition = both(partition, decimal(cursor))
          break
        case clusterKey.length:
          if (matches(body, at, clusterKey)) cluster = this.#cluster(cursor, cluster)
          break
        case foreignOffsetKey.length:
          if (matches(body, at, foreignOffsetKey)) foreignOffset = both(foreignOffset, int64(cursor))
          break
        case foreignPartitionKey.length:
          if (matches(body, at, foreignPartitionKey)) foreignPartition = both(foreignPartition, int32(cursor))
          break
        case foreignClusterKey.length:
          if (matches(body, at, foreignClusterKey)) foreignCluster = this.#cluster(cursor, foreignCluster)
          break
      }
    }
    const ours = offset !== ABSENT || partition !== ABSENT || cluster !== UNNAMED
    if (ours && cluster !== OTHER) return this.#judge(offset, partition, cluster)
    // The other names alone are used for much else.
    if (foreignOffset === ABSENT) return ours ? origin.other : origin.none
    if (ours && foreignCluster !== SOURCE) return origin.other
    return this.#judge(foreignOffset, foreignPartition, foreignCluster)
  }

  #judge(offset: number, partition: number, cluster: number): Origin {
    if (cluster === OTHER) return origin.other
    const unclear = offset < 0 || partition === BAD || cluster === CONTRADICTION
    if (unclear || partition > LAST_PARTITION) return origin.unreadable
    this.offset = offset
    this.partition = partition
    return cluster === SOURCE ? origin.source : origin.unnamed
  }

  #cluster(cursor: RecordCursor, before: number): number {
    const { headerValueAt: at, headerValueEnd: end } = cursor
    if (at < 0) return CONTRADICTION
    const isSource = end - at === this.#source.length && matches(cursor.body, at, this.#source)
    if (!isSource) {
      this.#otherAt = at
      this.#otherEnd = end
    }
    const now = isSource ? SOURCE : OTHER
    return before === UNNAMED || before === now ? now : CONTRADICTION
  }
}

/** What two headers of one name say. */
function both(before: number, now: number): number {
  return before === ABSENT || before === now ? now : BAD
}

/** From the end: the names differ there. */
function matches(body: Buffer, at: number, key: Buffer): boolean {
  for (let i = key.length - 1; i >= 0; i--) if (body[at + i] !== key[i]) return false
  return true
}

/** A value of decimal digits; BAD for anything else. */
function decimal({ body, headerValueAt: at, headerValueEnd: end }: RecordCursor): number {
  if (at < 0 || end === at || end - at > MOST_DIGITS) return BAD
  let value = 0
  for (let i = at; i < end; i++) {
    const digit = (body[i] as number) - 48
    if (digit < 0 || digit > 9) return BAD
    value = value * 10 + digit
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : BAD
}

/** An int64, little endian, from 0 to 2^53 − 1. */
function int64({ body, headerValueAt: at, headerValueEnd: end }: RecordCursor): number {
  if (at < 0 || end - at !== 8) return BAD
  const value = body.readInt32LE(at + 4) * TWO_32 + body.readUInt32LE(at)
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : BAD
}

/** An int32, little endian, from 0 on. */
function int32({ body, headerValueAt: at, headerValueEnd: end }: RecordCursor): number {
  if (at < 0 || end - at !== 4) return BAD
  const value = body.readInt32LE(at)
  return value >= 0 ? value : BAD
}
