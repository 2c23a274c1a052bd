import { invariant } from '../../base/index.ts'
import type { LandedBatch, ProducerIdentity } from '../../kafka/index.ts'
import { decodePartitionMap, encodePartitionMap, MapBuilder, type PartitionMap } from '../../offsets/index.ts'
import type { Lane } from '../plan/plan-types.ts'
import type { JournalLane, LandedState, LaneCursor } from './journal-types.ts'
import { withSeam } from './seams.ts'

/** What tells a lane's state what is happening while the lane runs. */
interface Running {
  readonly landed: () => readonly LandedState[]
}

/**
 * How far one lane came: what the journal says of it, kept up to date while it runs. Only what has landed counts.
 */
export class LaneState {
  readonly lane: Lane
  done: boolean
  readonly bytes: number[]
  oldest: number
  readonly #sourceName: string
  /** Log end of each output before our first batch. */
  readonly #copyStarts: readonly bigint[]
  readonly #builders = new Map<number, MapBuilder>()
  #landed: readonly LandedState[]
  #cursor: LaneCursor
  readonly #marks: LaneCursor[] = []
  #running: Running | undefined
  /** Maps of a lane that is done: they change no more. */
  #encoded: Buffer[] | undefined

  constructor(
    lane: Lane,
    options: {
      readonly sourceName: string
      readonly copyStarts: readonly bigint[]
      readonly producer: ProducerIdentity
      readonly journal?: { readonly lane: JournalLane; readonly blobs: readonly Buffer[] } | undefined
    },
  ) {
    const known = options.journal?.lane
    this.lane = lane
    this.#sourceName = options.sourceName
    this.#copyStarts = options.copyStarts
    this.done = known?.done ?? false
    this.bytes = known ? [...known.bytes] : lane.inputs.map(() => 0)
    this.oldest = known?.oldest === undefined ? Number.POSITIVE_INFINITY : Number(known.oldest)
    this.#cursor = known?.cursor ?? {
      inputs: lane.inputs.map(() => ({ next: 0n, clock: -1n })),
      emitted: lane.outputs.map(() => 0n),
      turn: 0n,
    }
    this.#landed =
      known?.landed.map((landed) => ({ ...landed, seams: landed.seams ?? [] })) ??
      lane.outputs.map((_, i) => {
        const next = options.copyStarts[i] ?? 0n
        return { records: 0n, next, ...options.producer, seams: [] }
      })
    for (const { input, output, blob } of known?.maps ?? []) {
      const bytes = options.journal?.blobs[blob]
      invariant(bytes !== undefined, 'the journal names a map that it does not hold')
      this.#builders.set(this.#slot(input, output), MapBuilder.from(decodePartitionMap(bytes, 'journal')))
    }
  }

  get straight(): boolean {
    return this.lane.inputs.length === 1 && this.lane.spread.type === 'one'
  }

  /** Where reading the stream begins again. */
  get cursor(): LaneCursor {
    const landed = this.landed
    if (this.straight) {
      // Source offsets rise with target offsets: the map itself knows how far the copy came.
      const next = this.builder(0, 0).nextSource ?? 0n
      return { inputs: [{ next, clock: -1n }], emitted: [landed[0]?.records ?? 0n], turn: 0n }
    }
    const reached = (mark: LaneCursor) => mark.emitted.every((n, i) => (landed[i]?.records ?? 0n) >= n)
    while (this.#marks[0] && reached(this.#marks[0])) this.#cursor = this.#marks.shift() ?? this.#cursor
    return this.#cursor
  }

  get landed(): readonly LandedState[] {
    return this.#running?.landed() ?? this.#landed
  }

  /** The map of one input into one output, as it is built. */
  builder(input: number, output: number): MapBuilder {
    const slot = this.#slot(input, output)
    const known = this.#builders.get(slot)
    if (known) return known
    const from = this.lane.inputs[input]
    const partition = this.lane.outputs[output]
    invariant(from !== undefined && partition !== undefined, 'a map lies between an input and an output')
    const builder = new MapBuilder({
      sourceTopic: from.topic,
      sourcePartition: from.source.partition,
      targetTopic: this.lane.target,
      targetPartition: partition,
      sourceCluster: this.#sourceName,
    })
    this.#builders.set(slot, builder)
    return builder
  }

  /** All maps of the lane: one for each pair of input and output, also where no record went that way. */
  maps(): PartitionMap[] {
    const maps: PartitionMap[] = []
    for (const [i, input] of this.lane.inputs.entries()) {
      for (const o of this.lane.outputs.keys()) {
        const copyStart = this.#copyStarts[o] ?? 0n
        maps.push(this.builder(i, o).seal({ sourceEnd: input.source.endOffset, copyStart }))
      }
    }
    return maps
  }

  /** Takes note of a point of the stream that was reached, to become the cursor once all before it has landed. */
  mark(cursor: LaneCursor): void {
    this.#marks.push(cursor)
    // Asking moves the cursor on, and drops marks that have been passed.
    void this.cursor
  }

  /** Whose batches a lane will hold that has sent nothing yet. */
  own(producer: ProducerIdentity): void {
    this.#landed = this.#landed.map((landed) =>
      landed.producerId < 0n ? { ...landed, ...producer } : landed,
    )
  }

  /** The epoch that this run of the lane sends with, behind what was `found` of earlier ones, by place of the output. */
  raiseEpoch(epoch: number, found: readonly (readonly LandedBatch[])[]): void {
    this.#landed = this.#landed.map((landed, i) => {
      const batches = found[i] ?? []
      const last = batches.at(-1)
      const seam = {
        epoch,
        from: last ? last.lastOffset + 1n : landed.next,
        records: landed.records + batches.reduce((sum, { records }) => sum + BigInt(records), 0n),
      }
      return { ...landed, epoch, seams: withSeam(landed.seams, seam, landed.next) }
    })
  }

  begin(running: Running): void {
    this.#running = running
  }

  /** The lane runs no more; `done` when all of its stream has landed. */
  end(done: boolean): void {
    this.#cursor = this.cursor
    this.#landed = this.landed
    this.#running = undefined
    this.done = done
  }

  /** What the journal keeps; maps are appended to `blobs`. */
  snapshot(blobs: Buffer[]): JournalLane {
    const first = blobs.length
    const encoded = this.#encoded ?? this.maps().map(encodePartitionMap)
    if (this.done) this.#encoded = encoded
    blobs.push(...encoded)
    const outputs = this.lane.outputs.length
    return {
      key: this.lane.key,
      done: this.done,
      cursor: this.cursor,
      landed: this.landed,
      bytes: this.bytes,
      oldest: Number.isFinite(this.oldest) ? BigInt(this.oldest) : undefined,
      maps: encoded.map((_, i) => ({
        input: Math.floor(i / outputs),
        output: i % outputs,
        blob: first + i,
      })),
    }
  }

  #slot(input: number, output: number): number {
    return input * this.lane.outputs.length + output
  }
}
