import { invariant } from '../../base/index.ts'
import { BatchBuilder, type CodecName, partitionForKey, RunGatherer, tooLarge } from '../../records/index.ts'
import type { Spread } from '../plan/plan-types.ts'
import type { LaneCursor } from '../state/journal-types.ts'
import type { LaneContext } from './lane-context.ts'
import { MergeInput } from './merge-input.ts'
import type { OutputPartition } from './output-partition.ts'

/** A new cursor is handed out after this many records. */
const MARK_EVERY = 50_000
/** Never less of a chunk is kept for each input than this. */
const SMALLEST_WINDOW = 256 * 1024

export interface MergeOptions {
  readonly from: LaneCursor
  /** Bytes of a batch before compression, and of all that is kept of chunks. */
  readonly batchBytes: number
  readonly memory: number
  /** Told of a point in the stream: all records before it have been handed over. */
  readonly onMark: (cursor: LaneCursor) => void
}

/**
 * Merges source partitions by time into one target partition, or spreads them over several. Resolves when all has been handed
 * over; flushing is the caller's.
 */
export async function runMergeLane(context: LaneContext, options: MergeOptions): Promise<void> {
  const window = Math.max(
    SMALLEST_WINDOW,
    Math.floor(options.memory / Math.max(1, context.lane.inputs.length)),
  )
  await using inputs = new AsyncDisposableStack()
  const all: MergeInput[] = []
  const waiting: MergeInput[] = []
  for (const index of context.lane.inputs.keys()) {
    const start = options.from.inputs[index] ?? { next: 0n, clock: -1n }
    const input = inputs.use(await MergeInput.open(context, index, start, window))
    all.push(input)
    if (await input.advance()) waiting.push(input)
  }
  const merge = new Merge(context, options)
  for (let i = (waiting.length >> 1) - 1; i >= 0; i--) sink(waiting, i)
  let records = 0
  for (let first = waiting[0]; first; first = waiting[0]) {
    const sending = merge.add(first)
    if (sending) await sending
    if (++records % MARK_EVERY === 0) {
      await merge.flush()
      options.onMark(merge.cursor(all))
    }
    if (!first.step() && !(await first.advance())) {
      const last = waiting.pop()
      if (last && last !== first) waiting[0] = last
    }
    if (waiting.length > 0) sink(waiting, 0)
  }
  await merge.flush()
  options.onMark(merge.cursor(all))
}

/** Whose record comes first: the smaller time, then the lower place in the plan. */
function before(a: MergeInput, b: MergeInput): boolean {
  return a.clock < b.clock || (a.clock === b.clock && a.index < b.index)
}

/** Restores the heap below `at`. */
function sink(heap: MergeInput[], at: number): void {
  let here = at
  for (;;) {
    const left = 2 * here + 1
    const right = left + 1
    let least = here
    if (left < heap.length && before(heap[left] as MergeInput, heap[least] as MergeInput)) least = left
    if (right < heap.length && before(heap[right] as MergeInput, heap[least] as MergeInput)) least = right
    if (least === here) return
    const moved = heap[here] as MergeInput
    heap[here] = heap[least] as MergeInput
    heap[least] = moved
    here = least
  }
}

/** One target partition's batch being built. */
class Building {
  readonly output: OutputPartition
  readonly builder: BatchBuilder
  readonly runs = new RunGatherer()
  codec: CodecName = 'none'
  emitted: bigint

  constructor(output: OutputPartition, emitted: bigint) {
    this.output = output
    this.emitted = emitted
    this.builder = new BatchBuilder({ initialBytes: 16 * 1024 })
  }
}

class Merge {
  readonly #context: LaneContext
  readonly #spread: Spread
  readonly #bodyLimit: number
  readonly #buildings: readonly Building[]
  #turn: bigint

  constructor(context: LaneContext, { from, batchBytes }: MergeOptions) {
    this.#context = context
    this.#spread = context.lane.spread
    // Even if compression makes it grow a little, a batch of many records stays within what the target takes.
    this.#bodyLimit = Math.min(batchBytes, context.limit)
    this.#buildings = context.outputs.map((output, i) => new Building(output, from.emitted[i] ?? 0n))
    this.#turn = from.turn
  }

  /** Takes the input's current record; the promise, if any, resolves when a full batch has been handed over. */
  add(input: MergeInput): Promise<void> | undefined {
    const building = this.#buildings[this.#place(input)]
    invariant(building !== undefined, 'a record has a partition of the lane')
    const { output, builder } = building
    building.emitted++
    if (output.ahead > 0) {
      output.pass([{ input: input.index, offset: BigInt(input.offset), count: 1 }])
      return undefined
    }
    if (builder.count === 0) building.codec = input.codec
    if (this.#append(building, input)) return undefined
    return this.#send(building).then(() => {
      building.codec = input.codec
      this.#append(building, input)
    })
  }

  #append({ builder, runs }: Building, input: MergeInput): boolean {
    const { cursor, editor, offset } = input
    const time = cursor.timestampNumber
    const length = editor?.edit(cursor, offset, Number.isSafeInteger(time) ? time : cursor.timestamp) ?? 0
    if (!builder.add(cursor, this.#bodyLimit, editor?.bytes, length)) return false
    runs.add(input.index, offset)
    return true
  }

  /** Hands over what has been built so far. */
  async flush(): Promise<void> {
    for (const building of this.#buildings) if (building.builder.count > 0) await this.#send(building)
  }

  /** The point of the stream that has been reached. All must have been flushed. */
  cursor(inputs: readonly MergeInput[]): LaneCursor {
    return {
      inputs: inputs.map((input) => input.point),
      emitted: this.#buildings.map((building) => building.emitted),
      turn: this.#turn,
    }
  }

  async #send({ output, builder, runs, codec }: Building): Promise<void> {
    const taken = runs.take()
    const { limit, slabs } = this.#context
    const built = builder.finish(codec, slabs, limit)
    const [first] = taken
    if (built.bytes.length > limit && first) {
      const source = this.#context.lane.inputs[first.input]
      const place = { topic: source?.topic ?? '', partition: source?.source.partition ?? -1 }
      throw tooLarge(first.offset, built.bytes.length, limit, place)
    }
    const { bytes, records, release } = built
    await output.send({
      buffer: bytes,
      start: 0,
      end: bytes.length,
      records,
      runs: taken,
      release,
    })
  }

  /** The place of the output that the input's current record belongs to. */
  #place(input: MergeInput): number {
    const spread = this.#spread
    if (spread.type === 'one') return 0
    const byKey =
      spread.type === 'murmur2' ? partitionForKey(input.cursor.key(), spread.partitions) : undefined
    return byKey ?? Number(this.#turn++ % BigInt(spread.partitions))
  }
}
