import { invariant } from '../base/index.ts'
import type { ChunkColumns } from './chunk-table.ts'
import { type Column, decodeTables, encodeTables, type TableReader } from './columns.ts'
import { codecs, gapReasons } from './commit-json.ts'
import { damaged } from './damaged.ts'
import { Fields } from './fields.ts'
import { Generation, generationKey } from './generation.ts'
import { objectForms, parseDataKey } from './keys.ts'
import type { Gap, OffsetRange } from './model.ts'
import { isRunId } from './names.ts'
import { ColumnNames } from './object-names.ts'
import { PartitionLine } from './partition-line.ts'

const endings = [undefined, 'lost', 'recreated'] as const

/** A generation, or a part of it, as the bytes of a block of a checkpoint's index; what does not count is left out. */
export function encodeGeneration(generation: Generation): Buffer {
  const lines = [...generation.lines.values()].sort((a, b) => a.partition - b.partition)
  const names = new NameTable()
  const chunks = chunkColumns(generation, lines, names)
  const gaps = lines.flatMap((line) => line.gaps)
  const aborted = lines.flatMap((line) => line.aborted)
  return encodeTables({ topic: generation.topic, topic_id: generation.topicId ?? null, runs: names.runs }, [
    { name: 'objects', rows: names.rows, columns: names.columns() },
    { name: 'partitions', rows: lines.length, columns: partitionColumns(lines) },
    { name: 'chunks', rows: chunks.rows, columns: chunks.columns },
    { name: 'gaps', rows: gaps.length, columns: gapColumns(gaps) },
    { name: 'aborted', rows: aborted.length, columns: abortedColumns(aborted) },
  ])
}

/** The reverse of {@link encodeGeneration}; `bytes` belong to the result. Throws ARCHIVE_DAMAGED. */
export function decodeGeneration(
  bytes: Buffer,
  object: string,
  expected: { readonly topic: string; readonly topicId: string | undefined },
): Generation {
  const { header, tables } = decodeTables(bytes, object)
  const fields = new Fields(header, object)
  const generation = new Generation(fields.text('topic'), fields.optionalText('topic_id'))
  if (generationKey(generation) !== generationKey(expected)) {
    throw damaged(object, `holds ${generation.topic} where ${expected.topic} should be`)
  }
  const runs = fields.list('runs').filter((run): run is string => typeof run === 'string' && isRunId(run))
  const table = (name: string): TableReader => {
    const found = tables.get(name)
    if (!found) throw damaged(object, `has no table ${name}`)
    return found
  }
  const columns = readChunks(table('chunks'))
  const names = readNames(generation.topic, runs, table('objects'), object)
  const known = (values: Uint8Array | Uint32Array, count: number) => values.every((value) => value < count)
  if (!known(columns.codec, codecs.length) || !known(columns.object, table('objects').rows)) {
    throw damaged(object, 'has a chunk of an unknown codec or object')
  }
  const base = generation.table.adopt(columns, names)
  readLines(generation, base, columns.first.length, table, object)
  return generation
}

/** Collects the data objects that are named, by column. */
class NameTable {
  readonly runs: string[] = []
  readonly #runRows = new Map<string, number>()
  readonly #rows = new Map<string, number>()
  readonly #form: number[] = []
  readonly #run: number[] = []
  readonly #number: number[] = []
  readonly #partition: number[] = []
  readonly #first: bigint[] = []

  get rows(): number {
    return this.#form.length
  }

  row(key: string): number {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const parsed = parseDataKey(key)
    invariant(parsed, 'a chunk lies in an object that is no data object', { object: key })
    let run = this.#runRows.get(parsed.run)
    if (run === undefined) {
      run = this.runs.push(parsed.run) - 1
      this.#runRows.set(parsed.run, run)
    }
    this.#form.push(objectForms.indexOf(parsed.form))
    this.#run.push(run)
    this.#number.push(parsed.number)
    this.#partition.push(parsed.form === 'pack' ? 0 : parsed.partition)
    this.#first.push(parsed.form === 'pack' ? 0n : parsed.first)
    this.#rows.set(key, this.rows - 1)
    return this.rows - 1
  }

  columns(): readonly Column[] {
    return [
      { name: 'form', type: 'u8', values: Uint8Array.from(this.#form) },
      { name: 'run', type: 'u32', values: Uint32Array.from(this.#run) },
      { name: 'number', type: 'u32', values: Uint32Array.from(this.#number) },
      { name: 'partition', type: 'u32', values: Uint32Array.from(this.#partition) },
      { name: 'first', type: 'i64d', values: BigInt64Array.from(this.#first) },
    ]
  }
}

function chunkColumns(
  generation: Generation,
  lines: readonly PartitionLine[],
  names: NameTable,
): { readonly rows: number; readonly columns: readonly Column[] } {
  const rows = lines.reduce((sum, line) => sum + line.rows.length, 0)
  const i64 = () => new BigInt64Array(rows)
  const u32 = () => new Uint32Array(rows)
  const to: ChunkColumns = {
    first: i64(),
    span: i64(),
    cutHead: i64(),
    cutTail: i64(),
    records: u32(),
    maxTimestamp: i64(),
    largestBatch: u32(),
    object: u32(),
    position: i64(),
    stored: u32(),
    raw: u32(),
    codec: new Uint8Array(rows),
    sha256: new Uint8Array(rows * 32),
  }
  let at = 0
  for (const line of lines) {
    for (const row of line.rows) {
      const { columns: c, i, names: from } = generation.table.locate(row)
      to.first[at] = c.first[i] ?? 0n
      to.span[at] = c.span[i] ?? 0n
      to.cutHead[at] = c.cutHead[i] ?? 0n
      to.cutTail[at] = c.cutTail[i] ?? 0n
      to.records[at] = c.records[i] ?? 0
      to.maxTimestamp[at] = c.maxTimestamp[i] ?? 0n
      to.largestBatch[at] = c.largestBatch[i] ?? 0
      to.object[at] = names.row(from.key(c.object[i] ?? 0))
      to.position[at] = c.position[i] ?? 0n
      to.stored[at] = c.stored[i] ?? 0
      to.raw[at] = c.raw[i] ?? 0
      to.codec[at] = c.codec[i] ?? 0
      to.sha256.set(c.sha256.subarray(i * 32, i * 32 + 32), at * 32)
      at++
    }
  }
  return {
    rows,
    columns: [
      { name: 'first', type: 'i64d', values: to.first },
      { name: 'span', type: 'i64', values: to.span },
      { name: 'cut_head', type: 'i64', values: to.cutHead },
      { name: 'cut_tail', type: 'i64', values: to.cutTail },
      { name: 'records', type: 'u32', values: to.records },
      { name: 'max_timestamp', type: 'i64d', values: to.maxTimestamp },
      { name: 'largest_batch', type: 'u32', values: to.largestBatch },
      { name: 'object', type: 'u32', values: to.object },
      { name: 'position', type: 'i64', values: to.position },
      { name: 'stored', type: 'u32', values: to.stored },
      { name: 'raw', type: 'u32', values: to.raw },
      { name: 'codec', type: 'u8', values: to.codec },
      { name: 'sha256', type: 'b32', values: to.sha256 },
    ],
  }
}

function partitionColumns(lines: readonly PartitionLine[]): readonly Column[] {
  const u32 = (of: (line: PartitionLine) => number) => Uint32Array.from(lines, of)
  const i64 = (of: (line: PartitionLine) => bigint) => BigInt64Array.from(lines, of)
  return [
    { name: 'partition', type: 'u32', values: u32((line) => line.partition) },
    { name: 'chunks', type: 'u32', values: u32((line) => line.rows.length) },
    { name: 'gaps', type: 'u32', values: u32((line) => line.gaps.length) },
    { name: 'aborted', type: 'u32', values: u32((line) => line.aborted.length) },
    { name: 'from', type: 'i64', values: i64((line) => line.from ?? line.next) },
    { name: 'next', type: 'i64', values: i64((line) => line.next) },
    { name: 'leader_epoch', type: 'i64', values: i64((line) => BigInt(line.leaderEpoch)) },
    { name: 'log_start', type: 'i64', values: i64((line) => line.logStart) },
    { name: 'log_end', type: 'i64', values: i64((line) => line.logEnd) },
    { name: 'ended', type: 'u8', values: Uint8Array.from(lines, (line) => endings.indexOf(line.ended)) },
  ]
}

function gapColumns(gaps: readonly Gap[]): readonly Column[] {
  return [
    { name: 'from', type: 'i64', values: BigInt64Array.from(gaps, (gap) => gap.from) },
    { name: 'to', type: 'i64', values: BigInt64Array.from(gaps, (gap) => gap.to) },
    { name: 'reason', type: 'u8', values: Uint8Array.from(gaps, (gap) => gapReasons.indexOf(gap.reason)) },
    { name: 'found', type: 'i64', values: BigInt64Array.from(gaps, (gap) => BigInt(gap.found)) },
  ]
}

function abortedColumns(ranges: readonly OffsetRange[]): readonly Column[] {
  return [
    { name: 'from', type: 'i64d', values: BigInt64Array.from(ranges, (range) => range.from) },
    { name: 'length', type: 'i64', values: BigInt64Array.from(ranges, (range) => range.to - range.from) },
  ]
}

function readChunks(table: TableReader): ChunkColumns {
  return {
    first: table.i64('first'),
    span: table.i64('span'),
    cutHead: table.i64('cut_head'),
    cutTail: table.i64('cut_tail'),
    records: table.u32('records'),
    maxTimestamp: table.i64('max_timestamp'),
    largestBatch: table.u32('largest_batch'),
    object: table.u32('object'),
    position: table.i64('position'),
    stored: table.u32('stored'),
    raw: table.u32('raw'),
    codec: table.u8('codec'),
    sha256: table.b32('sha256'),
  }
}

function readNames(topic: string, runs: readonly string[], table: TableReader, object: string): ColumnNames {
  const [form, run] = [table.u8('form'), table.u32('run')]
  if (form.some((value) => value >= objectForms.length) || run.some((value) => value >= runs.length)) {
    throw damaged(object, 'names an object of an unknown form or run')
  }
  return new ColumnNames(topic, runs, {
    form,
    run,
    number: table.u32('number'),
    partition: table.u32('partition'),
    first: table.i64('first'),
  })
}

function readLines(
  generation: Generation,
  base: number,
  chunkRows: number,
  table: (name: string) => TableReader,
  object: string,
): void {
  const partitions = table('partitions')
  const gaps = table('gaps')
  const aborted = table('aborted')
  const partition = partitions.u32('partition')
  const [chunkCounts, gapCounts, abortedCounts] = ['chunks', 'gaps', 'aborted'].map((name) =>
    partitions.u32(name),
  )
  const [from, next, epoch, logStart, logEnd] = ['from', 'next', 'leader_epoch', 'log_start', 'log_end'].map(
    (name) => partitions.i64(name),
  )
  const ended = partitions.u8('ended')
  const readGap = gapReader(table('gaps'))
  const [abortedFrom, abortedLength] = ['from', 'length'].map((name) => aborted.i64(name))
  // Before any of them is believed.
  const sums = [chunkCounts, gapCounts, abortedCounts].map(
    (counts) => counts?.reduce((sum, count) => sum + count, 0) ?? 0,
  )
  if (sums[0] !== chunkRows || sums[1] !== gaps.rows || sums[2] !== aborted.rows) {
    throw damaged(object, 'holds other numbers of chunks, gaps or aborted ranges than its partitions say')
  }
  let chunk = 0
  let gap = 0
  let abort = 0
  for (let p = 0; p < partitions.rows; p++) {
    const line = new PartitionLine(partition[p] ?? 0)
    line.from = from?.[p]
    line.next = next?.[p] ?? 0n
    line.leaderEpoch = Number(epoch?.[p] ?? -1n)
    line.logStart = logStart?.[p] ?? -1n
    line.logEnd = logEnd?.[p] ?? -1n
    line.ended = endings[ended[p] ?? 0]
    for (const end = chunk + (chunkCounts?.[p] ?? 0); chunk < end; chunk++) line.rows.push(base + chunk)
    for (const end = gap + (gapCounts?.[p] ?? 0); gap < end; gap++) line.gaps.push(readGap(gap))
    for (const end = abort + (abortedCounts?.[p] ?? 0); abort < end; abort++) {
      const start = abortedFrom?.[abort] ?? 0n
      line.aborted.push({ from: start, to: start + (abortedLength?.[abort] ?? 0n) })
    }
    generation.lines.set(line.partition, line)
  }
}

function gapReader(table: TableReader): (row: number) => Gap {
  const from = table.i64('from')
  const to = table.i64('to')
  const reason = table.u8('reason')
  const found = table.i64('found')
  return (row) => ({
    from: from[row] ?? 0n,
    to: to[row] ?? 0n,
    reason: gapReasons[reason[row] ?? 0] ?? 'lost',
    found: Number(found[row]),
  })
}
