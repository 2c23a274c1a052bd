import { invariant } from '../base/index.ts'
import type { ObjectWriter } from '../storage/index.ts'
import type { StoredObject } from './commit-record.ts'
import type { ChunkCodec } from './model.ts'
import type { BackupPlace } from './place.ts'

/** A data object of one partition that is being written: chunks are appended one after the other. */
export class OpenObject {
  readonly key: string
  readonly codec: ChunkCodec
  /** Last offset of the last chunk handed over. */
  lastOffset: bigint
  readonly #writer: Promise<ObjectWriter>
  #pending = 0
  #tail: Promise<unknown> = Promise.resolve()
  #size = 0
  #closed = false

  constructor(place: BackupPlace, key: string, codec: ChunkCodec) {
    this.key = key
    this.codec = codec
    this.lastOffset = -1n
    this.#writer = place.store.create(place.full(key))
    this.#writer.catch(() => {})
  }

  /** Bytes handed over so far. */
  get size(): number {
    return this.#size
  }

  /** Nothing is being written: it can be closed without waiting. */
  get idle(): boolean {
    return this.#pending === 0
  }

  /** Appends bytes; answers their position. The memory is free when it resolves. */
  append(bytes: Buffer): Promise<number> {
    invariant(!this.#closed, 'a chunk for an object that was closed')
    const position = this.#size
    this.#size += bytes.length
    this.#pending++
    const written = this.#tail
      .then(async () => {
        const writer = await this.#writer
        await writer.write(bytes)
        return position
      })
      .finally(() => {
        this.#pending--
      })
    this.#tail = written
    written.catch(() => {})
    return written
  }

  /** Makes it durable and visible. */
  async close(): Promise<StoredObject> {
    this.#closed = true
    await this.#tail
    const writer = await this.#writer
    await writer.close()
    return { key: this.key, size: this.#size }
  }

  /** Drops it. Never rejects. */
  async abort(): Promise<void> {
    this.#closed = true
    await this.#tail.catch(() => {})
    const writer = await this.#writer.catch(() => undefined)
    await writer?.abort()
  }
}
