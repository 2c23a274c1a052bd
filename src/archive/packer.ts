import { Budget } from '../base/index.ts'
import type { StoredObject } from './commit-record.ts'
import type { BackupPlace } from './place.ts'

/** Packs on their way to the store at the same time. */
const packsAtOnce = 4

interface Filling {
  readonly key: string
  readonly pieces: Buffer[]
  size: number
}

/** Where a chunk lies. */
export interface Placed {
  readonly key: string
  readonly position: number
}

/** Gathers small chunks of any partitions in memory and writes them as packs, each with one put. */
export class Packer {
  readonly #place: BackupPlace
  readonly #nextKey: () => string
  readonly #fullAt: number
  readonly #slots = new Budget(packsAtOnce)
  readonly #flying = new Set<Promise<void>>()
  readonly #done: StoredObject[] = []
  #filling: Filling | undefined
  #error: unknown

  /** `fullAt`: bytes from which on a pack is written. */
  constructor(place: BackupPlace, nextKey: () => string, fullAt: number) {
    this.#place = place
    this.#nextKey = nextKey
    this.#fullAt = fullAt
  }

  /** Takes a copy of a chunk. Resolves when there is room for another; it is durable after `flush`. */
  async add(bytes: Buffer): Promise<Placed> {
    this.#filling ??= { key: this.#nextKey(), pieces: [], size: 0 }
    const pack = this.#filling
    const placed = { key: pack.key, position: pack.size }
    pack.pieces.push(Buffer.from(bytes))
    pack.size += bytes.length
    if (pack.size >= this.#fullAt) await this.#send()
    if (this.#error !== undefined) throw this.#error
    return placed
  }

  /** A large chunk as a pack of its own, from where it lies. */
  async alone(bytes: Buffer): Promise<Placed> {
    const key = this.#nextKey()
    await this.#slots.with(1, () => this.#place.put(key, bytes))
    this.#done.push({ key, size: bytes.length })
    return { key, position: 0 }
  }

  /** Makes everything durable; answers the packs. */
  async flush(): Promise<readonly StoredObject[]> {
    await this.#send()
    await Promise.all(this.#flying)
    if (this.#error !== undefined) throw this.#error
    return this.#done
  }

  /** Waits for what is on its way; the rest is forgotten. Never rejects. */
  async abort(): Promise<void> {
    this.#filling = undefined
    await Promise.all(this.#flying)
  }

  async #send(): Promise<void> {
    const pack = this.#filling
    if (!pack) return
    this.#filling = undefined
    await this.#slots.take(1)
    const flight: Promise<void> = this.#place.store
      .put(this.#place.full(pack.key), pack.pieces)
      .then(
        () => {
          this.#done.push({ key: pack.key, size: pack.size })
        },
        (error: unknown) => {
          this.#error ??= error
        },
      )
      .finally(() => {
        this.#slots.give(1)
        this.#flying.delete(flight)
      })
    this.#flying.add(flight)
  }
}
