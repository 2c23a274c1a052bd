import { Budget, type Progress } from '../../base/index.ts'
import { checkCrcs, survey } from '../../records/index.ts'
import { ChunkPool } from '../chunk-memory.ts'
import { sha256 } from '../digest.ts'
import type { Chunk } from '../model.ts'
import { unpack } from '../packing.ts'
import type { BackupPlace } from '../place.ts'
import { type Findings, isDamage } from './findings.ts'

/** Neighbouring chunks are read together up to so many bytes. */
const readTogether = 8 * 1024 * 1024
/** Bytes of chunks in memory at the same time, as stored and uncompressed. */
const memory = 96 * 1024 * 1024

/** What reading the chunks came to. */
export interface ChunkCounts {
  chunks: number
  rawBytes: number
  records: number
}

/** Reads all chunks of a commit: stored bytes against their SHA-256, every batch against its CRC-32C, all counts against the commit. */
export class ChunkChecker {
  readonly #place: BackupPlace
  readonly #findings: Findings
  readonly #progress: Progress
  readonly #call: { readonly signal?: AbortSignal }
  readonly #budget = new Budget(memory)
  readonly #pool = new ChunkPool()
  readonly counts: ChunkCounts = { chunks: 0, rawBytes: 0, records: 0 }

  constructor(
    place: BackupPlace,
    findings: Findings,
    progress: Progress,
    call: { readonly signal?: AbortSignal },
  ) {
    this.#place = place
    this.#findings = findings
    this.#progress = progress
    this.#call = call
  }

  /** Checks the chunks of one object, in order of position. */
  async check(object: string, chunks: readonly Chunk[]): Promise<void> {
    for (const window of windows(chunks)) {
      const need = window.length + Math.max(...window.chunks.map((chunk) => chunk.rawLength))
      await this.#budget.with(need, () => this.#window(object, window), this.#call.signal)
    }
  }

  async #window(object: string, { position, length, chunks }: Window): Promise<void> {
    const memory = this.#pool.take(length)
    const bytes = memory.subarray(0, length)
    try {
      await this.#place.read(object, position, bytes, this.#call)
    } catch (error) {
      this.#pool.drop(memory)
      if (!isDamage(error)) throw error
      if (chunks.length > 1) {
        // The object ends within the window: look which chunks are still whole.
        for (const chunk of chunks) await this.#window(object, only(chunk))
      } else for (const chunk of chunks) this.#findings.chunk('size', chunk, 'is cut off or missing')
      return
    }
    for (const chunk of chunks) {
      const from = chunk.position - position
      await this.#chunk(chunk, bytes.subarray(from, from + chunk.storedLength))
    }
    this.#pool.give(memory)
  }

  async #chunk(chunk: Chunk, stored: Buffer): Promise<void> {
    this.counts.chunks++
    if (chunk.codec === 'none') {
      if ((await sha256(stored)) !== chunk.sha256) return this.#changed(chunk)
      this.#raw(chunk, stored)
      return
    }
    const memory = this.#pool.take(chunk.rawLength)
    const raw = memory.subarray(0, chunk.rawLength)
    try {
      if (await unpack(chunk.codec, stored, chunk.sha256, raw)) this.#raw(chunk, raw)
      else this.#changed(chunk)
    } catch (error) {
      this.#findings.chunk('changed', chunk, `cannot be decompressed: ${String(error)}`)
    } finally {
      this.#pool.give(memory)
    }
  }

  #changed(chunk: Chunk): void {
    this.#findings.chunk('changed', chunk, 'does not match its SHA-256')
  }

  #raw(chunk: Chunk, raw: Buffer): void {
    this.counts.rawBytes += raw.length
    this.#batches(chunk, raw)
    this.#progress.advance(chunk.topic, chunk.partition, chunk.storedLength, chunk.records)
  }

  #batches(chunk: Chunk, raw: Buffer): void {
    const place = { topic: chunk.topic, partition: chunk.partition, object: chunk.object }
    try {
      const found = survey(raw, 0, raw.length, { complete: true, place })
      checkCrcs(raw, 0, raw.length, place)
      this.counts.records += found.records
      const differences = [
        difference('raw length', raw.length, chunk.rawLength),
        difference('first offset', found.firstOffset, chunk.firstOffset),
        difference('last offset', found.lastOffset, chunk.lastOffset),
        difference('number of records', found.records, chunk.records),
        difference('largest timestamp', found.maxTimestamp, chunk.maxTimestamp),
        difference('largest batch', found.largestBatch, chunk.largestBatch),
      ].filter((text) => text !== undefined)
      if (differences.length > 0) this.#findings.chunk('records', chunk, `has ${differences.join(', ')}`)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#findings.chunk('records', chunk, `holds a damaged batch: ${error.message}`)
    }
  }
}

interface Window {
  readonly position: number
  readonly length: number
  readonly chunks: readonly Chunk[]
}

function only(chunk: Chunk): Window {
  return { position: chunk.position, length: chunk.storedLength, chunks: [chunk] }
}

/** Chunks that lie one behind the other, together up to a size. */
function* windows(chunks: readonly Chunk[]): Generator<Window> {
  let open: Chunk[] = []
  let length = 0
  for (const chunk of chunks) {
    const last = open.at(-1)
    const follows = last !== undefined && last.position + last.storedLength === chunk.position
    if (last && (!follows || length + chunk.storedLength > readTogether)) {
      yield { position: open[0]?.position ?? 0, length, chunks: open }
      open = []
      length = 0
    }
    open.push(chunk)
    length += chunk.storedLength
  }
  if (open.length > 0) yield { position: open[0]?.position ?? 0, length, chunks: open }
}

function difference(what: string, found: bigint | number, said: bigint | number): string | undefined {
  return found === said ? undefined : `${what} ${found} where its commit says ${said}`
}
