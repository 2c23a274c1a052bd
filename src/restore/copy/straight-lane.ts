import { invariant } from '../../base/index.ts'
import {
  batchEnd,
  finishRecoded,
  header,
  JoinedBatches,
  type RecodedBatch,
  recodeBatch,
  takeFirst,
} from '../../records/index.ts'
import type { HeaderEditor } from '../recode/header-editor.ts'
import { type BatchWish, judgeBatch, type Verdict } from './batch-verdict.ts'
import type { LoadedChunk } from './chunk-feed.ts'
import { inputEditor, type LaneContext, openFeed, wishOf } from './lane-context.ts'
import type { OutputPartition } from './output-partition.ts'

/**
 * Copies one source partition to one target partition, from a source offset on. Batches go out as they lie in the chunk's
 * memory, except where their verdict says otherwise; small ones are joined into larger ones. Resolves when all has been handed over; flushing is the caller's.
 */
export async function runStraightLane(context: LaneContext, from: bigint): Promise<void> {
  const [output] = context.outputs
  invariant(output !== undefined, 'a straight lane has one output')
  await using feed = await openFeed(context, 0, from, context.pool && { pool: context.pool })
  const walk = new ChunkWalk(context, output)
  for (let chunk = await feed.next(); chunk; chunk = await feed.next()) {
    try {
      await walk.walk(chunk, from)
    } finally {
      chunk.lease.release()
    }
  }
}

class ChunkWalk {
  readonly #context: LaneContext
  readonly #output: OutputPartition
  readonly #wish: BatchWish
  readonly #editor: HeaderEditor | undefined
  /** Undefined where a rate is kept to: small batches keep to it more evenly. */
  readonly #joined: JoinedBatches | undefined

  constructor(context: LaneContext, output: OutputPartition) {
    this.#context = context
    this.#output = output
    this.#wish = wishOf(context, 0)
    this.#editor = inputEditor(context, 0)
    if (output.unlimited) this.#joined = new JoinedBatches(context.slabs, context.limit)
  }

  async walk({ ref, bytes, lease }: LoadedChunk, cursor: bigint): Promise<void> {
    const output = this.#output
    const wish = this.#wish
    const from = Number(ref.from > cursor ? ref.from : cursor)
    const to = Number(ref.to)
    for (let at = 0; at < bytes.length; ) {
      const end = batchEnd(bytes, at, bytes.length, wish.place)
      invariant(end !== undefined, 'a chunk holds whole batches', wish.place)
      const verdict = judgeBatch(bytes, at, end, from, to, wish)
      if (verdict !== 'skip') {
        this.#context.onBatchTime(header.maxTimestampNumber(bytes, at))
        const records = header.recordsCount(bytes, at)
        if (verdict === 'raw' && (output.ahead === 0 || output.ahead >= records)) {
          if (output.ahead > 0) {
            output.pass([{ input: 0, offset: header.baseOffset(bytes, at), count: records }])
          } else if (!this.#joined?.add(bytes, at)) {
            const full = this.#sendJoined()
            if (full) await full
            if (!this.#joined?.add(bytes, at)) {
              const runs = [{ input: 0, offset: header.baseOffset(bytes, at), count: records }]
              lease.retain()
              const full = output.send({
                buffer: bytes,
                start: at,
                end,
                records,
                runs,
                release: lease.release,
              })
              if (full) await full
            }
          }
        } else {
          await this.#recode(bytes, at, from, to, verdict)
        }
      }
      at = end
    }
    const full = this.#sendJoined()
    if (full) await full
  }

  #sendJoined(): Promise<void> | undefined {
    const batch = this.#joined?.take()
    return batch && this.#output.send(batch)
  }

  async #recode(bytes: Buffer, at: number, from: number, to: number, verdict: Verdict): Promise<void> {
    const output = this.#output
    const recode = (skip: number): RecodedBatch[] =>
      recodeBatch(bytes, at, {
        input: 0,
        from: BigInt(from),
        to: BigInt(to),
        range: verdict === 'recode' ? this.#wish.range : undefined,
        headers: this.#editor,
        skip,
        limit: this.#wish.limit,
        place: this.#wish.place,
        loose: this.#joined?.loose ?? 0,
        memory: this.#context.slabs,
      })
    let batches = recode(0)
    if (output.ahead > 0) {
      const runs = batches.flatMap((batch) => batch.runs)
      const records = batches.reduce((sum, batch) => sum + batch.records, 0)
      const landed = Math.min(output.ahead, records)
      output.pass(takeFirst(runs, landed))
      // What landed may end inside this batch, when limits were others in the run before.
      for (const batch of batches) batch.release()
      batches = landed === records ? [] : recode(landed)
    }
    for (const batch of batches) {
      if (this.#joined?.addBuilt(batch)) {
        batch.release()
        continue
      }
      await this.#sendJoined()
      if (this.#joined?.addBuilt(batch)) batch.release()
      else {
        const { limit, slabs } = this.#context
        const { bytes: buffer, records, runs, release } = finishRecoded(batch, limit, slabs)
        await output.send({ buffer, start: 0, end: buffer.length, records, runs, release })
      }
    }
  }
}
