import { invariant } from '../base/index.ts'
import { codecs } from './commit-json.ts'
import type { ChunkRef } from './contract.ts'
import type { Chunk } from './model.ts'
import { ListedNames, type ObjectNames } from './object-names.ts'

/** Chunks of one generation by column: a million of them are a hundred megabytes, as objects they would be four hundred. */
export interface ChunkColumns {
  readonly first: BigInt64Array
  /** Last offset − first. */
  readonly span: BigInt64Array
  /** Offsets at the beginning and at the end that do not count. */
  readonly cutHead: BigInt64Array
  readonly cutTail: BigInt64Array
  readonly records: Uint32Array
  readonly maxTimestamp: BigInt64Array
  readonly largestBatch: Uint32Array
  readonly object: Uint32Array
  readonly position: BigInt64Array
  readonly stored: Uint32Array
  readonly raw: Uint32Array
  readonly codec: Uint8Array
  /** 32 bytes a row. */
  readonly sha256: Uint8Array
}

interface Page {
  /** Number of its first row. */
  readonly base: number
  readonly columns: ChunkColumns
  readonly names: ObjectNames
  rows: number
  room: number
}

const smallestPage = 2
const largestPage = 16_384

/** Rows that are appended, or taken over as pages from an index. Row numbers never change. */
export class ChunkTable {
  readonly #pages: Page[] = []
  readonly #listed = new ListedNames()
  #recent: Page | undefined

  get rows(): number {
    const last = this.#pages.at(-1)
    return last ? last.base + last.rows : 0
  }

  /** Takes over columns without copying; answers the number of the first row. */
  adopt(columns: ChunkColumns, names: ObjectNames): number {
    const base = this.rows
    const rows = columns.first.length
    if (rows > 0) this.#pages.push({ base, columns, names, rows, room: rows })
    return base
  }

  /** Takes over all rows of another table, which must not be changed any more; answers what their numbers grow by. */
  take(other: ChunkTable): number {
    const base = this.rows
    const last = this.#pages.at(-1)
    if (last) last.room = last.rows
    for (const page of other.#pages) this.#pages.push({ ...page, base: base + page.base, room: page.rows })
    return base
  }

  /** Appends a chunk of which the offsets [`from`, `to`) count; answers its row number. */
  append(chunk: Chunk, from: bigint, to: bigint): number {
    const page = this.#roomy()
    const i = page.rows++
    const c = page.columns
    c.first[i] = chunk.firstOffset
    c.span[i] = chunk.lastOffset - chunk.firstOffset
    c.cutHead[i] = from - chunk.firstOffset
    c.cutTail[i] = chunk.lastOffset + 1n - to
    c.records[i] = chunk.records
    c.maxTimestamp[i] = chunk.maxTimestamp
    c.largestBatch[i] = chunk.largestBatch
    c.object[i] = this.#listed.row(chunk.object)
    c.position[i] = BigInt(chunk.position)
    c.stored[i] = chunk.storedLength
    c.raw[i] = chunk.rawLength
    c.codec[i] = codecs.indexOf(chunk.codec)
    c.sha256.set(Buffer.from(chunk.sha256, 'hex'), i * 32)
    return page.base + i
  }

  /** Columns and place of a row. */
  locate(row: number): { readonly columns: ChunkColumns; readonly i: number; readonly names: ObjectNames } {
    const page = this.#page(row)
    return { columns: page.columns, i: row - page.base, names: page.names }
  }

  from(row: number): bigint {
    const { columns, i } = this.locate(row)
    return at64(columns.first, i) + at64(columns.cutHead, i)
  }

  to(row: number): bigint {
    const { columns, i } = this.locate(row)
    return at64(columns.first, i) + at64(columns.span, i) + 1n - at64(columns.cutTail, i)
  }

  /** Lets only offsets below `to` count. */
  cut(row: number, to: bigint): void {
    const { columns, i } = this.locate(row)
    columns.cutTail[i] = at64(columns.first, i) + at64(columns.span, i) + 1n - to
  }

  ref(row: number, topic: string, topicId: string | undefined, partition: number): ChunkRef {
    const { columns: c, i, names } = this.locate(row)
    const firstOffset = at64(c.first, i)
    const lastOffset = firstOffset + at64(c.span, i)
    const codec = codecs[c.codec[i] ?? -1]
    invariant(codec !== undefined, 'a chunk of an unknown codec')
    const chunk: Chunk = {
      topic,
      topicId,
      partition,
      firstOffset,
      lastOffset,
      records: c.records[i] ?? 0,
      maxTimestamp: at64(c.maxTimestamp, i),
      largestBatch: c.largestBatch[i] ?? 0,
      object: names.key(c.object[i] ?? 0),
      position: Number(at64(c.position, i)),
      storedLength: c.stored[i] ?? 0,
      rawLength: c.raw[i] ?? 0,
      codec,
      sha256: Buffer.from(c.sha256.buffer, c.sha256.byteOffset + i * 32, 32).toString('hex'),
    }
    return { chunk, from: firstOffset + at64(c.cutHead, i), to: lastOffset + 1n - at64(c.cutTail, i) }
  }

  #page(row: number): Page {
    const recent = this.#recent
    if (recent && row >= recent.base && row < recent.base + recent.rows) return recent
    let low = 0
    let high = this.#pages.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#pages[middle]?.base ?? 0) <= row) low = middle
      else high = middle - 1
    }
    const page = this.#pages[low]
    invariant(page !== undefined && row < page.base + page.rows, 'a chunk that is not in the table')
    this.#recent = page
    return page
  }

  #roomy(): Page {
    const last = this.#pages.at(-1)
    if (last && last.rows < last.room) return last
    const room = Math.min(largestPage, Math.max(smallestPage, this.rows))
    const page: Page = { base: this.rows, columns: emptyColumns(room), names: this.#listed, rows: 0, room }
    this.#pages.push(page)
    return page
  }
}

/** All columns lie in one buffer: with thousands of small topics, a buffer for each would weigh more than what they hold. */
function emptyColumns(rows: number): ChunkColumns {
  const buffer = new ArrayBuffer(rows * (6 * 8 + 5 * 4 + 1 + 32))
  let at = 0
  const take = (width: number): number => {
    const from = at
    at += rows * width
    return from
  }
  // The wide ones first, so that each begins where its type may.
  const wide = () => new BigInt64Array(buffer, take(8), rows)
  const narrow = () => new Uint32Array(buffer, take(4), rows)
  return {
    first: wide(),
    span: wide(),
    cutHead: wide(),
    cutTail: wide(),
    maxTimestamp: wide(),
    position: wide(),
    records: narrow(),
    largestBatch: narrow(),
    object: narrow(),
    stored: narrow(),
    raw: narrow(),
    codec: new Uint8Array(buffer, take(1), rows),
    sha256: new Uint8Array(buffer, take(32), rows * 32),
  }
}

function at64(column: BigInt64Array, i: number): bigint {
  const value = column[i]
  invariant(value !== undefined, 'a row beyond the end of a column')
  return value
}
