/*
 * Records of MirrorMaker 2's own topics, big endian; STRING is an int16 length and UTF-8.
 *
 * checkpoints (<alias>.checkpoints.internal, on the target):
 *   key   group STRING, topic STRING, partition INT32
 *   value version INT16 = 0, upstreamOffset INT64, offset INT64, metadata STRING
 * offset syncs (mm2-offset-syncs.<alias>.internal):
 *   key   topic STRING, partition INT32
 *   value upstreamOffset INT64, offset INT64
 */

/** A position of a group on both sides, as MirrorMaker 2 writes it. */
export interface Checkpoint {
  readonly group: string
  /** Name on the target. */
  readonly topic: string
  readonly partition: number
  readonly upstreamOffset: bigint
  readonly offset: bigint
  readonly metadata: string
}

/** An offset of the source and the same record's on the target. */
export interface OffsetSync {
  /** Name on the source. */
  readonly topic: string
  readonly partition: number
  readonly upstreamOffset: bigint
  readonly offset: bigint
}

export function checkpointsTopic(alias: string): string {
  return `${alias}.checkpoints.internal`
}

export function encodeCheckpoint(checkpoint: Checkpoint): { readonly key: Buffer; readonly value: Buffer } {
  const numbers = Buffer.alloc(18)
  numbers.writeInt16BE(0, 0)
  numbers.writeBigInt64BE(checkpoint.upstreamOffset, 2)
  numbers.writeBigInt64BE(checkpoint.offset, 10)
  return {
    key: Buffer.concat([text(checkpoint.group), text(checkpoint.topic), int32(checkpoint.partition)]),
    value: Buffer.concat([numbers, text(checkpoint.metadata)]),
  }
}

/** Undefined for what is not a checkpoint of a version that is known. */
export function decodeCheckpoint(key: Buffer | null, value: Buffer | null): Checkpoint | undefined {
  if (key === null || value === null || value.length < 20 || value.readInt16BE(0) !== 0) return undefined
  const reader = new Reader(key)
  const group = reader.text()
  const topic = reader.text()
  const partition = reader.int32()
  const metadata = new Reader(value.subarray(18)).text()
  if (group === undefined || topic === undefined || partition === undefined || metadata === undefined)
    return undefined
  return {
    group,
    topic,
    partition,
    upstreamOffset: value.readBigInt64BE(2),
    offset: value.readBigInt64BE(10),
    metadata,
  }
}

/** Undefined for what is not an offset sync. */
export function decodeOffsetSync(key: Buffer | null, value: Buffer | null): OffsetSync | undefined {
  if (key === null || value === null || value.length !== 16) return undefined
  const reader = new Reader(key)
  const topic = reader.text()
  const partition = reader.int32()
  if (topic === undefined || partition === undefined) return undefined
  return { topic, partition, upstreamOffset: value.readBigInt64BE(0), offset: value.readBigInt64BE(8) }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  text(): string | undefined {
    if (this.#at + 2 > this.#bytes.length) return undefined
    const length = this.#bytes.readInt16BE(this.#at)
    const start = this.#at + 2
    if (length < 0 || start + length > this.#bytes.length) return undefined
    this.#at = start + length
    return this.#bytes.toString('utf8', start, this.#at)
  }

  int32(): number | undefined {
    if (this.#at + 4 > this.#bytes.length) return undefined
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
