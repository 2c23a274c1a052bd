import { hash } from 'node:crypto'
import type { BlockRef } from './checkpoint-root.ts'
import { compress, decompress } from './chunk-codec.ts'
import { damaged } from './damaged.ts'
import type { BackupPlace } from './place.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** Objects of which so many blocks are wanted are read as a whole. */
const manyBlocks = 16
/** Larger ones never are. */
const wholeAtMost = 64 * 1024 * 1024

/** Reads blocks of a checkpoint's index, checked. */
export class BlockReader {
  readonly #place: BackupPlace
  readonly #whole = new Map<string, Promise<Buffer>>()
  readonly #wholeKeys: ReadonlySet<string>

  /** `wanted`: what will be read, if it is known: objects of which much is wanted are read at once. */
  constructor(place: BackupPlace, wanted: readonly BlockRef[] = []) {
    this.#place = place
    const counts = new Map<string, { blocks: number; bytes: number }>()
    for (const { key, stored } of wanted) {
      const count = counts.get(key) ?? { blocks: 0, bytes: 0 }
      counts.set(key, { blocks: count.blocks + 1, bytes: count.bytes + stored })
    }
    this.#wholeKeys = new Set(
      [...counts].flatMap(([key, { blocks, bytes }]) =>
        blocks >= manyBlocks && bytes <= wholeAtMost ? [key] : [],
      ),
    )
  }

  /** The uncompressed bytes of a block. Rejects with ARCHIVE_DAMAGED. */
  async read(block: BlockRef, options: Options = {}): Promise<Buffer> {
    const stored = await this.#stored(block, options)
    // In this thread: another one would take a copy, and a large index is most of the memory that opening takes.
    if (hash('sha256', stored) !== block.sha256) {
      throw damaged(block.key, `does not match the checksum of its block at ${block.position}`)
    }
    try {
      return await decompress('zstd', stored, block.raw)
    } catch (cause) {
      throw damaged(block.key, `has a block at ${block.position} that cannot be decompressed`, {}, cause)
    }
  }

  async #stored(block: BlockRef, options: Options): Promise<Buffer> {
    const { key, position, stored } = block
    if (!this.#wholeKeys.has(key)) {
      const target = Buffer.allocUnsafeSlow(stored)
      await this.#place.read(key, position, target, options)
      return target
    }
    let whole = this.#whole.get(key)
    if (!whole) {
      whole = this.#place.get(key, options)
      this.#whole.set(key, whole)
    }
    const bytes = await whole
    if (bytes.length < position + stored) throw damaged(key, 'is cut')
    return bytes.subarray(position, position + stored)
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

  async add(raw: Buffer): Promise<BlockRef> {
    const stored = await compress('zstd', raw, undefined)
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
