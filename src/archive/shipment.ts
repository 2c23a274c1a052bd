import { Budget } from '../base/index.ts'
import type { StoredObject } from './commit-record.ts'
import type { ChunkInput } from './contract.ts'
import { sha256 } from './digest.ts'
import { generationKey } from './generation.ts'
import { dataKey } from './keys.ts'
import type { Chunk, ChunkCodec } from './model.ts'
import { OpenObject } from './open-object.ts'
import { Packer, type Placed } from './packer.ts'
import { type Packed, pack } from './packing.ts'
import type { BackupPlace } from './place.ts'

/** Bytes from which on a pack is written. */
const packSize = 8 * 1024 * 1024
/** When no more objects may be opened, chunks up to this size go into packs rather than pushing another object out. */
const packAtLimit = 4 * 1024 * 1024
/** Codec `auto` leaves smaller chunks as they are: a frame saves next to nothing. */
const worthCompressing = 512
/** Objects closed at the same time by a commit. */
const closingAtOnce = 16

/** What all shipments of a writer share. */
export interface ShipmentContext {
  readonly place: BackupPlace
  readonly runId: string
  readonly codec: ChunkCodec | 'auto'
  readonly level: number | undefined
  readonly objectBytes: number
  readonly packBelow: number
  /** Objects that may be open at the same time, over all shipments. */
  readonly openObjects: Budget
  /** Chunks being compressed at the same time, over all shipments. */
  readonly compressing: Budget
  /** The next number of an object of this run. */
  readonly nextNumber: () => number
}

/** What a shipment has made durable. */
export interface Shipped {
  readonly objects: readonly StoredObject[]
  readonly chunks: readonly Chunk[]
}

/** The chunks between two commits on their way into objects. */
export class Shipment {
  readonly #context: ShipmentContext
  readonly #packer: Packer
  /** Open objects by generation, partition and codec, the one used longest ago first. */
  readonly #open = new Map<string, OpenObject>()
  readonly #closing = new Set<Promise<void>>()
  readonly #adding = new Set<Promise<unknown>>()
  /** The last chunk of each partition that is to be placed: chunks are placed in the order in which they were handed over. */
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #objects: StoredObject[] = []
  readonly #chunks: Chunk[] = []
  #error: unknown

  constructor(context: ShipmentContext) {
    this.#context = context
    const { place, runId, nextNumber } = context
    const nextPack = () => dataKey({ form: 'pack', run: runId, number: nextNumber() })
    const fullAt = Math.min(packSize, context.objectBytes, place.store.putLimit)
    this.#packer = new Packer(place, nextPack, fullAt)
  }

  /** Takes a chunk; the memory is free when it resolves. Any rejection is the end of the shipment. */
  add(input: ChunkInput): Promise<void> {
    const adding = this.#add(input).catch((error: unknown) => {
      this.#error ??= error
      throw error
    })
    this.#adding.add(adding)
    const done = () => this.#adding.delete(adding)
    adding.then(done, done)
    return adding
  }

  /** Waits until everything handed over is durable. */
  async seal(): Promise<Shipped> {
    await Promise.allSettled(this.#adding)
    this.#throwIfFailed()
    const closing = new Budget(closingAtOnce)
    await Promise.all([...this.#open.keys()].map((name) => closing.with(1, () => this.#close(name))))
    await Promise.all(this.#closing)
    const packs = await this.#packer.flush()
    this.#throwIfFailed()
    return { objects: [...this.#objects, ...packs], chunks: this.#chunks }
  }

  /** Drops what is not durable yet. Never rejects. */
  async abort(): Promise<void> {
    this.#error ??= new Error('the writer was closed')
    await Promise.allSettled(this.#adding)
    for (const [name, object] of this.#open) {
      this.#open.delete(name)
      await object.abort()
      this.#context.openObjects.give(1)
    }
    await Promise.allSettled(this.#closing)
    await this.#packer.abort()
  }

  async #add(input: ChunkInput): Promise<void> {
    this.#throwIfFailed()
    const partition = `${generationKey(input)}/${input.partition}`
    // The turn is taken before anything is waited for.
    const before = this.#turns.get(partition)
    const turn = Promise.withResolvers<void>()
    this.#turns.set(partition, turn.promise)
    try {
      const codec = this.#codec(input)
      const packed = await this.#packed(input, codec)
      const stored = packed?.stored ?? input.bytes
      await before
      this.#throwIfFailed()
      const placing = this.#place(input, codec, stored, partition)
      turn.resolve()
      const [digest, placed] = await Promise.all([packed?.digest ?? sha256(stored), placing])
      packed?.release()
      this.#chunks.push(chunkOf(input, codec, stored.length, digest, placed))
    } finally {
      turn.resolve()
      if (this.#turns.get(partition) === turn.promise) this.#turns.delete(partition)
    }
  }

  #codec(input: ChunkInput): ChunkCodec {
    const { codec } = this.#context
    if (codec !== 'auto') return codec
    return input.compressed || input.bytes.length < worthCompressing ? 'none' : 'zstd'
  }

  async #packed(input: ChunkInput, codec: ChunkCodec): Promise<Packed | undefined> {
    if (codec === 'none') return undefined
    const { compressing, level } = this.#context
    return await compressing.with(1, () => pack(codec, input.bytes, level))
  }

  /** Chooses where the chunk goes and begins to write it there. Runs without waiting up to the hand-over, which keeps the order. */
  async #place(input: ChunkInput, codec: ChunkCodec, stored: Buffer, partition: string): Promise<Placed> {
    const name = `${partition}/${codec}`
    let object = this.#open.get(name)
    if (object && object.lastOffset >= input.firstOffset) {
      this.#closeLater(name)
      object = undefined
    }
    if (!object && stored.length < this.#context.packBelow) return await this.#packer.add(stored)
    if (!object && !this.#makeRoom(stored.length)) {
      if (stored.length > packAtLimit) return await this.#packer.alone(stored)
      return await this.#packer.add(stored)
    }
    object ??= this.#create(input, codec)
    // The one used last stands last.
    this.#open.delete(name)
    this.#open.set(name, object)
    object.lastOffset = input.lastOffset
    const position = object.append(stored)
    if (object.size >= this.#context.objectBytes) this.#closeLater(name)
    return { key: object.key, position: await position }
  }

  #create(input: ChunkInput, codec: ChunkCodec): OpenObject {
    const { place, runId, nextNumber } = this.#context
    const { topic, partition, firstOffset } = input
    const key = dataKey({
      form: codec,
      run: runId,
      number: nextNumber(),
      topic,
      partition,
      first: firstOffset,
    })
    return new OpenObject(place, key, codec)
  }

  /** Takes a place for one more open object; for a large chunk, another object that is not being written to is closed for it. */
  #makeRoom(size: number): boolean {
    const { openObjects } = this.#context
    if (openObjects.tryTake(1)) return true
    if (size <= packAtLimit) return false
    const idle = [...this.#open].find(([, object]) => object.idle)
    if (!idle) return false
    // The place goes over to the new object: closing gives it back, so it is counted once more until then.
    this.#closeLater(idle[0])
    openObjects.take(1).catch(() => {})
    return true
  }

  #closeLater(name: string): void {
    const closing: Promise<void> = this.#close(name).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    closing.catch(() => {})
  }

  async #close(name: string): Promise<void> {
    const object = this.#open.get(name)
    if (!object) return
    this.#open.delete(name)
    try {
      this.#objects.push(await object.close())
    } catch (error) {
      this.#error ??= error
      await object.abort()
      throw error
    } finally {
      this.#context.openObjects.give(1)
    }
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

function chunkOf(
  input: ChunkInput,
  codec: ChunkCodec,
  storedLength: number,
  digest: string,
  { key, position }: Placed,
): Chunk {
  return {
    topic: input.topic,
    topicId: input.topicId,
    partition: input.partition,
    firstOffset: input.firstOffset,
    lastOffset: input.lastOffset,
    records: input.records,
    maxTimestamp: input.maxTimestamp,
    largestBatch: input.largestBatch,
    object: key,
    position,
    storedLength,
    rawLength: input.bytes.length,
    codec,
    sha256: digest,
  }
}
