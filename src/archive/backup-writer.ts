import { availableParallelism } from 'node:os'
import { Budget, type Clock, type Telemetry } from '../base/index.ts'
import { entriesOf } from './accounts.ts'
import type { BackupState } from './backup-state.ts'
import { Checkpointing } from './checkpointing.ts'
import type { WriterEntry } from './commit-record.ts'
import { Committer } from './committer.ts'
import type { BackupWriter, ChunkInput, CommitInput, WriterOptions } from './contract.ts'
import { keys } from './keys.ts'
import type { BackupIdentity, PartitionState, TopicDescription } from './model.ts'
import type { BackupPlace } from './place.ts'
import { storePositions } from './positions-store.ts'
import type { Presence } from './presence.ts'
import { Shipment, type ShipmentContext, type Shipped } from './shipment.ts'

/** Objects open at the same time: one for each MiB that the store takes in one put, since stores that collect parts hold memory for each. */
const openObjectShare = 1024 * 1024
const mostOpenObjects = 64

/** Chunks on their way to be compressed for each processor: the next lies ready when one is done. */
const compressingEach = 2

/** What a writer works with. */
export interface WriterParts {
  readonly place: BackupPlace
  readonly writer: WriterEntry
  readonly state: BackupState
  readonly presence: Presence
  readonly topics: ReadonlyMap<string, TopicDescription>
  readonly options: WriterOptions
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/** What a commit came to. */
interface Committed {
  readonly commit: number
  readonly bytes: number
  readonly chunks: number
}

/** One run's way into a backup: chunks go into the current shipment; a commit seals it and names what it holds. */
export class RunWriter implements BackupWriter {
  readonly runId: string
  readonly identity: BackupIdentity
  readonly states: readonly PartitionState[]
  readonly topics: ReadonlyMap<string, TopicDescription>
  readonly #parts: WriterParts
  readonly #shipping: ShipmentContext
  readonly #committer: Committer
  readonly #checkpointing: Checkpointing
  readonly #shipments = new Set<Shipment>()
  #shipment: Shipment
  #turn: Promise<unknown> = Promise.resolve()
  #error: unknown
  #closed: Promise<void> | undefined

  constructor(parts: WriterParts) {
    const { place, writer, state, options } = parts
    this.#parts = parts
    this.runId = writer.runId
    this.identity = state.identity
    this.states = state.states()
    this.topics = parts.topics
    this.#committer = new Committer(place, state, writer)
    this.#checkpointing = new Checkpointing({ ...parts, every: options.checkpointEvery ?? 64 })
    let numbers = 0
    this.#shipping = {
      place,
      runId: writer.runId,
      codec: options.codec ?? 'auto',
      level: options.level,
      objectBytes: options.objectBytes ?? 128 * 1024 * 1024,
      packBelow: options.packBelow ?? 256 * 1024,
      openObjects: new Budget(
        Math.min(mostOpenObjects, Math.max(4, Math.floor(place.store.putLimit / openObjectShare))),
      ),
      compressing: new Budget(compressingEach * availableParallelism()),
      nextNumber: () => ++numbers,
    }
    this.#shipment = this.#newShipment()
  }

  get backupId(): string {
    return this.#parts.place.backupId
  }

  async write(chunk: ChunkInput): Promise<void> {
    this.#throwIfBroken()
    try {
      await this.#shipment.add(chunk)
    } catch (error) {
      this.#error ??= error
      throw error
    }
  }

  async commit(input: CommitInput): Promise<Committed> {
    this.#throwIfBroken()
    const shipment = this.#shipment
    this.#shipment = this.#newShipment()
    // The chunks are made durable while earlier commits are still under way.
    const sealed = shipment.seal()
    sealed.catch(() => {})
    const commit = this.#turn.then(() => this.#commit(shipment, sealed, input))
    this.#turn = commit.then(
      () => this.#checkpointing.afterCommit(),
      (error: unknown) => {
        this.#error ??= error
      },
    )
    return await commit
  }

  /** What was not committed is dropped; a commit under way is waited for. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#error ??= new Error('the writer was closed')
    await this.#turn
    for (const shipment of this.#shipments) await shipment.abort()
    await this.#parts.presence[Symbol.asyncDispose]()
  }

  async #commit(shipment: Shipment, sealed: Promise<Shipped>, input: CommitInput): Promise<Committed> {
    const { objects, chunks } = await sealed
    const { place, state, clock } = this.#parts
    const nextKey = () => keys.positions(this.runId, this.#shipping.nextNumber())
    const positions =
      input.positions && (await storePositions(place, input.positions, state.positions, nextKey))
    const commit = await this.#committer.commit({
      written: clock.now(),
      final: input.final ?? false,
      objects,
      topics: input.topics ?? [],
      partitions: entriesOf(input.accounts, chunks),
      positions,
    })
    this.#shipments.delete(shipment)
    return { commit, bytes: objects.reduce((sum, { size }) => sum + size, 0), chunks: chunks.length }
  }

  #newShipment(): Shipment {
    const shipment = new Shipment(this.#shipping)
    this.#shipments.add(shipment)
    return shipment
  }

  #throwIfBroken(): void {
    if (this.#error !== undefined) throw this.#error
  }
}
