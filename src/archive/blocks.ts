import { hash } from 'node:crypto'
import type { BlockRef } from './checkpoint-root.ts'
import { compress, decompress } from './chunk-codec.ts'
import type { StoredObject } from './commit-record.ts'
import { damaged } from './damaged.ts'
import type { BackupPlace } from './place.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** Objects up to this size are read as a whole and kept: the blocks of many small topics lie in one. */
const smallObject = 8 * 1024 * 1024
/** Larger ones up to this size are read as a whole when so many of their blocks are wanted. */
const largeObject = 64 * 1024 * 1024
const manyBlocks = 16
/** Bytes of whole objects kept. */
const keptBytes = 32 * 1024 * 1024

/** Reads blocks of a checkpoint's index, checked. */
export class BlockReader {
  readonly #place: BackupPlace
  readonly #sizes: ReadonlyMap<string, number>
  /** How many blocks of an object will be read, as far as it is known. */
  readonly #wanted = new Map<string, number>()
  /** Whole objects, the one used longest ago first. */
  readonly #whole = new Map<string, Promise<Buffer>>()

  constructor(place: BackupPlace, objects: readonly StoredObject[], wanted: readonly BlockRef[] = []) {
    this.#place = place
    this.#sizes = new Map(objects.map(({ key, size }) => [key, size]))
    for (const { key } of wanted) this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1)
  }

  /** The uncompressed bytes of a block. Rejects with ARCHIVE_DAMAGED. */
  async read(block: BlockRef, options: Options = {}): Promise<Buffer> {
    const stored = await this.#stored(block, options)
    // In this thread: another one would take a copy, and a large index is most of the memory that opening takes.
    if (hash('sha256', stored) !== block.sha256) {
      throw damaged(block.key, `does not match the checksum of its block at ${block.position}`)
    }
    try {
      return decompress('zstd', stored, block.raw)
    } catch (cause) {
      throw damaged(block.key, `has a block at ${block.position} that cannot be decompressed`, {}, cause)
    }
  }

  async #stored({ key, position, stored }: BlockRef, options: Options): Promise<Buffer> {
    const size = this.#sizes.get(key) ?? Number.POSITIVE_INFINITY
    const many = (this.#wanted.get(key) ?? 0) >= manyBlocks
    if (size > (many ? largeObject : smallObject)) {
      const target = Buffer.allocUnsafeSlow(stored)
      await this.#place.read(key, position, target, options)
      return target
    }
    const bytes = await this.#object(key, options)
    if (bytes.length < position + stored) throw damaged(key, 'is cut')
    return bytes.subarray(position, position + stored)
  }

  async #object(key: string, options: Options): Promise<Buffer> {
    const reading = this.#whole.get(key) ?? this.#place.get(key, options)
    this.#whole.delete(key)
    this.#whole.set(key, reading)
    try {
      const bytes = await reading
      this.#forget()
      return bytes
    } catch (error) {
      this.#whole.delete(key)
      throw error
    }
  }

  #forget(): void {
    let kept = 0
    for (const key of [...this.#whole.keys()].reverse()) {
      kept += this.#sizes.get(key) ?? 0
      if (kept > keptBytes) this.#whole.delete(key)
    }
  }
}

/** Collects the blocks of a new `.index` object. */
export class BlockWriter {
  readonly key: string
  readonly pieces: Buffer[] = []
  #size = 0

  constructor(key: string) {
    this.key = key
  }

  get size(): number {
    return this.#size
  }

  add(raw: Buffer): BlockRef {
    const stored = compress('zstd', raw, undefined)
    const block = {
      key: this.key,
      position: this.#size,
      stored: stored.length,
      raw: raw.length,
      sha256: hash('sha256', stored),
    }
    // A copy, because what the compressor returns holds on to as much memory as the input had.
    this.pieces.push(Buffer.from(stored))
    this.#size += stored.length
    return block
  }
}
