import { damaged } from './damaged.ts'

/*
 * A table by column, little endian (`docs/format.md`, checkpoints):
 *
 *     u32 length of the header, header (JSON), zero bytes up to a multiple of 8
 *     the columns in the header's order, each with zero bytes up to a multiple of 8
 *
 * A column that is all zero is left out.
 */

/** Type of a column. `i64d`: each value is the difference from the one before. */
export type ColumnType = 'u8' | 'u32' | 'i64' | 'i64d' | 'b32'

/** A column with its values; `b32` values are 32 bytes each, one after the other. */
export type Column = {
  readonly name: string
} & (
  | { readonly type: 'u8' | 'b32'; readonly values: Uint8Array }
  | { readonly type: 'u32'; readonly values: Uint32Array }
  | { readonly type: 'i64' | 'i64d'; readonly values: BigInt64Array }
)

export interface Table {
  readonly name: string
  readonly rows: number
  readonly columns: readonly Column[]
}

/** Far beyond what a block holds; a table of which every column is left out must not ask for any amount of memory. */
const mostRows = 1 << 24
const widths: Readonly<Record<ColumnType, number>> = { u8: 1, u32: 4, i64: 8, i64d: 8, b32: 32 }
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Joins tables under a header; the header's `tables` member is made here. */
export function encodeTables(header: Readonly<Record<string, unknown>>, all: readonly Table[]): Buffer {
  const tables = all.map((table) => ({ ...table, columns: table.columns.filter(isNeeded) }))
  const layout = tables.map(({ name, rows, columns }) => ({
    name,
    rows,
    columns: columns.map((column) => [column.name, column.type]),
  }))
  const json = Buffer.from(JSON.stringify({ ...header, tables: layout }))
  const start = padded(4 + json.length)
  const size = tables.reduce(
    (sum, { rows, columns }) => sum + columns.reduce((s, c) => s + padded(rows * widths[c.type]), 0),
    start,
  )
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(json.length, 0)
  json.copy(bytes, 4)
  let at = start
  for (const { columns } of tables) {
    for (const column of columns) {
      const values = column.type === 'i64d' ? differences(column.values) : column.values
      copyIn(values, bytes, at)
      at += padded(values.byteLength)
    }
  }
  return bytes
}

function isNeeded({ values }: Column): boolean {
  for (const value of values) if (value !== 0 && value !== 0n) return true
  return false
}

/** Columns of one table by name, checked for their type; zeros for one that was left out. */
export class TableReader {
  readonly rows: number
  readonly #columns: ReadonlyMap<string, Column>
  readonly #object: string
  readonly #name: string

  constructor(table: Table, object: string) {
    this.rows = table.rows
    this.#columns = new Map(table.columns.map((column) => [column.name, column]))
    this.#object = object
    this.#name = table.name
  }

  u8(name: string): Uint8Array {
    const column = this.#columns.get(name)
    if (!column) return new Uint8Array(this.rows)
    return column.type === 'u8' ? column.values : this.#wrong(name)
  }

  u32(name: string): Uint32Array {
    const column = this.#columns.get(name)
    if (!column) return new Uint32Array(this.rows)
    return column.type === 'u32' ? column.values : this.#wrong(name)
  }

  i64(name: string): BigInt64Array {
    const column = this.#columns.get(name)
    if (!column) return new BigInt64Array(this.rows)
    return column.type === 'i64' || column.type === 'i64d' ? column.values : this.#wrong(name)
  }

  b32(name: string): Uint8Array {
    const column = this.#columns.get(name)
    if (!column) return new Uint8Array(this.rows * widths.b32)
    return column.type === 'b32' ? column.values : this.#wrong(name)
  }

  #wrong(name: string): never {
    throw damaged(this.#object, `has another type for the column ${name} of its table ${this.#name}`)
  }
}

/**
 * Takes the bytes apart. The columns are views of them: the bytes belong to the result. Throws ARCHIVE_DAMAGED when they
 * are not what {@link encodeTables} makes.
 */
export function decodeTables(
  bytes: Buffer,
  object: string,
): { readonly header: unknown; readonly tables: ReadonlyMap<string, TableReader> } {
  const own = bytes.byteOffset % 8 === 0 && isLittleEndian ? bytes : aligned(bytes)
  const headerLength = own.length >= 4 ? own.readUInt32LE(0) : 0
  if (headerLength === 0 || headerLength > own.length - 4) throw damaged(object, 'holds no table')
  const header = parse(own.subarray(4, 4 + headerLength), object)
  const tables = new Map<string, TableReader>()
  let at = padded(4 + headerLength)
  for (const { name, rows, columns } of header.tables) {
    const read: Column[] = []
    for (const [column, type] of columns) {
      const length = rows * widths[type]
      if (at + length > own.length) throw damaged(object, `ends within the table ${name}`)
      read.push(view(own, at, rows, column, type))
      at += padded(length)
    }
    tables.set(name, new TableReader({ name, rows, columns: read }, object))
  }
  return { header, tables }
}

interface Layout {
  readonly tables: readonly {
    readonly name: string
    readonly rows: number
    readonly columns: readonly (readonly [string, ColumnType])[]
  }[]
}

function parse(json: Buffer, object: string): Layout {
  try {
    const header = JSON.parse(json.toString()) as Layout
    const valid = header.tables.every(
      ({ rows, columns }) =>
        Number.isSafeInteger(rows) &&
        rows >= 0 &&
        rows <= mostRows &&
        columns.every(([, type]) => Object.hasOwn(widths, type)),
    )
    if (valid) return header
  } catch (cause) {
    throw damaged(object, 'holds a table without a header', {}, cause)
  }
  throw damaged(object, 'holds a table with columns of unknown type')
}

function view(bytes: Buffer, at: number, rows: number, name: string, type: ColumnType): Column {
  const { buffer } = bytes
  const from = bytes.byteOffset + at
  switch (type) {
    case 'u8':
    case 'b32':
      return { name, type, values: new Uint8Array(buffer, from, rows * widths[type]) }
    case 'u32': {
      const values = new Uint32Array(buffer, from, rows)
      if (!isLittleEndian) bytes.subarray(at, at + rows * 4).swap32()
      return { name, type, values }
    }
    case 'i64':
    case 'i64d': {
      const values = new BigInt64Array(buffer, from, rows)
      if (!isLittleEndian) bytes.subarray(at, at + rows * 8).swap64()
      if (type === 'i64d') {
        let sum = 0n
        for (let i = 0; i < rows; i++) values[i] = sum = BigInt.asIntN(64, sum + (values[i] ?? 0n))
      }
      return { name, type, values }
    }
  }
}

function differences(values: BigInt64Array): BigInt64Array {
  const result = new BigInt64Array(values.length)
  let before = 0n
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0n
    result[i] = value - before
    before = value
  }
  return result
}

function copyIn(values: Uint8Array | Uint32Array | BigInt64Array, bytes: Buffer, at: number): void {
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at)
  if (isLittleEndian || values.BYTES_PER_ELEMENT === 1) return
  const part = bytes.subarray(at, at + values.byteLength)
  if (values.BYTES_PER_ELEMENT === 4) part.swap32()
  else part.swap64()
}

function aligned(bytes: Buffer): Buffer {
  const copy = Buffer.from(new ArrayBuffer(bytes.length))
  bytes.copy(copy)
  return copy
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8
}
