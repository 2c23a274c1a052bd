import { hash } from 'node:crypto'
import type { RecordCursor, RecordHeader } from '../../records/index.ts'
import type { RestoreNotice } from '../job.ts'
import { expectedHeaders, type HeaderRule, showRecord } from './compare-records.ts'
import type { ExpectedInput } from './expected-input.ts'
import type { Counts, Findings } from './findings.ts'
import type { GoneRecords } from './gone-records.ts'
import type { TargetLog } from './target-log.ts'
import type { ShownRecord } from './verify-types.ts'

/** How far apart, in records, the two sides may be and still be brought together again. */
const REACH = 5_000

interface Light {
  readonly digest: string
  readonly offset: number
  readonly key: Buffer | null
  readonly tombstone: boolean
  readonly source: { readonly topic: string; readonly partition: number } | undefined
  readonly shown: ShownRecord | undefined
}

/**
 * One target partition, held against the archive without a map: both sides are read from their beginnings, and where they
 * part, the next record that both have brings them together again.
 */
export class ContentSide {
  readonly #log: TargetLog
  readonly #rule: HeaderRule
  readonly #counts: Counts
  readonly #findings: Findings
  readonly #gone: GoneRecords
  readonly #countTo: bigint | undefined
  /** Records of both sides that have not found their counterpart. */
  #expected: Light[] = []
  #actual: Light[] = []
  #ended = false
  /** How many records of the archive must wait before the next look for a counterpart. */
  #tryAt = 1

  constructor(options: {
    readonly log: TargetLog
    readonly rule: HeaderRule
    readonly counts: Counts
    readonly findings: Findings
    readonly gone: GoneRecords
    /** Undefined: records behind the copy are extra. Else they are counted up to here, the end of the log. */
    readonly countTo: bigint | undefined
  }) {
    this.#log = options.log
    this.#rule = options.rule
    this.#counts = options.counts
    this.#findings = options.findings
    this.#gone = options.gone
    this.#countTo = options.countTo
  }

  /** Takes the next record of the archive. */
  async expect(input: ExpectedInput, source: { topic: string; partition: number }): Promise<void> {
    this.#counts.expected++
    const light = this.#lightOf(input.cursor, BigInt(input.offset), source, input.partition)
    if (this.#expected.length === 0) {
      const actual = this.#actual.shift() ?? (await this.#nextActual())
      if (actual?.digest === light.digest) {
        this.#same(light)
        return
      }
      if (actual) this.#actual.unshift(actual)
    }
    this.#expected.push(light)
    await this.#align()
  }

  /** All records of the archive have been seen. */
  async end(): Promise<RestoreNotice[]> {
    while (this.#expected.length > 0) {
      const before = this.#expected.length
      await this.#meet(REACH)
      if (this.#expected.length === before) this.#drop(before, 0)
    }
    await this.#behind()
    const { expected, same, topic, partition } = this.#counts
    if (expected === 0 || same > 0) return []
    const message = `${topic}-${partition} cannot be aligned with the archive by content: no record is the same. Was it restored there, into an empty topic?`
    return [{ code: 'not-aligned', message, topic, partition }]
  }

  /** What follows on the target may be the reason why records are gone; besides, it is counted. */
  async #behind(): Promise<void> {
    const countTo = this.#countTo
    const passed = (light: Light) => {
      this.#gone.seen(light.key)
      if (countTo === undefined) this.#extra(light)
      else this.#counts.behind++
    }
    for (const light of this.#actual.splice(0)) passed(light)
    while (this.#gone.waiting || countTo === undefined) {
      const light = await this.#nextActual()
      if (!light) return
      passed(light)
    }
    const { records, exact } = await this.#log.rest(countTo)
    this.#counts.behind += records
    this.#counts.behindExact = exact
  }

  /** Tries to bring the sides together, ever more rarely; gives up on the older half when they are too far apart. */
  async #align(): Promise<void> {
    const waiting = this.#expected.length
    if (waiting < this.#tryAt) return
    if (await this.#meet()) {
      this.#tryAt = 1
    } else if (waiting < REACH) {
      this.#tryAt = waiting * 2
    } else {
      this.#drop(REACH / 2, 0)
      this.#tryAt = REACH
    }
  }

  /** Reads on as far as is worth it, and looks for the nearest record that both sides have. */
  async #meet(wanted = Math.min(REACH, 64 + 2 * this.#expected.length)): Promise<boolean> {
    while (this.#actual.length < wanted) {
      const next = await this.#nextActual()
      if (!next) break
      this.#actual.push(next)
    }
    return this.#match()
  }

  /** Drops what lies before the nearest such record, and matches what follows. */
  #match(): boolean {
    const first = new Map<string, number>()
    for (const [i, { digest }] of this.#actual.entries()) if (!first.has(digest)) first.set(digest, i)
    let best: { readonly e: number; readonly a: number } | undefined
    for (const [e, { digest }] of this.#expected.entries()) {
      if (best && e >= best.e + best.a) break
      const a = first.get(digest)
      if (a !== undefined && (!best || e + a < best.e + best.a)) best = { e, a }
    }
    if (!best) return false
    this.#drop(best.e, best.a)
    while (this.#expected[0] && this.#expected[0].digest === this.#actual[0]?.digest) {
      this.#same(this.#expected[0])
      this.#expected.shift()
      this.#actual.shift()
    }
    return this.#expected.length === 0
  }

  /** The first records of either side have no counterpart; where their keys are the same, they are two forms of one record. */
  #drop(expected: number, actual: number): void {
    const missing = this.#expected.splice(0, expected)
    const extra = this.#actual.splice(0, actual)
    while (missing[0] && extra[0] && sameKey(missing[0], extra[0]))
      this.#different(missing.shift(), extra.shift())
    const { topic, partition } = this.#counts
    for (const light of missing) {
      const { key, tombstone, source, offset, shown } = light
      this.#gone.seen(key)
      this.#gone.gone(key, tombstone, source ?? { topic, partition }, offset, () => shown ?? bare(light))
    }
    for (const light of extra) this.#extra(light)
  }

  #extra({ offset, shown }: Light): void {
    const { topic, partition } = this.#counts
    this.#counts.extra++
    this.#findings.add({
      kind: 'extra',
      topic,
      partition,
      source: undefined,
      what: `the record at target offset ${offset} is not of the archive`,
      archive: undefined,
      target: shown,
    })
  }

  /** Records leave in their order: a key that comes here comes later than those that were dropped before. */
  #same({ key }: Light): void {
    this.#counts.same++
    this.#gone.seen(key)
  }

  #different(expected: Light | undefined, actual: Light | undefined): void {
    const { topic, partition } = this.#counts
    this.#counts.different++
    this.#gone.seen(expected?.key ?? null)
    this.#findings.add({
      kind: 'different',
      topic,
      partition,
      source: expected?.source,
      what: `source offset ${expected?.offset} and target offset ${actual?.offset} differ`,
      archive: expected?.shown,
      target: actual?.shown,
    })
  }

  async #nextActual(): Promise<Light | undefined> {
    if (this.#ended) return undefined
    if (!(await this.#log.advance()) || !this.#log.cursor) {
      this.#ended = true
      return undefined
    }
    return this.#lightOf(this.#log.cursor, this.#log.offset, undefined, -1)
  }

  #lightOf(cursor: RecordCursor, offset: bigint, source: Light['source'], partition: number): Light {
    const key = cursor.key()
    const value = cursor.value()
    const own = cursor.headers()
    const headers = source
      ? expectedHeaders(this.#rule, {
          partition,
          offset,
          timestamp: cursor.timestamp,
          headers: own,
        })
      : own
    return {
      digest: digestOf(cursor.timestamp, key, value, headers),
      offset: Number(offset),
      key: key && Buffer.from(key),
      tombstone: value === null,
      source,
      shown: this.#findings.open ? showRecord(cursor, offset) : undefined,
    }
  }
}

function sameKey(a: Light, b: Light): boolean {
  return a.key === null || b.key === null ? a.key === b.key : a.key.equals(b.key)
}

function bare({ offset }: Light): ShownRecord {
  return { offset: BigInt(offset), timestamp: -1n, key: null, value: null, headers: [] }
}

function digestOf(
  timestamp: bigint,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly RecordHeader[],
): string {
  const parts: Buffer[] = [Buffer.from(`${timestamp} ${sizeOf(key)} ${sizeOf(value)} ${headers.length}`)]
  for (const field of [key, value]) if (field) parts.push(field)
  for (const header of headers) {
    parts.push(Buffer.from(` ${header.key.length} ${sizeOf(header.value)} `), header.key)
    if (header.value) parts.push(header.value)
  }
  return hash('sha1', Buffer.concat(parts), 'base64')
}

function sizeOf(bytes: Buffer | null): number {
  return bytes === null ? -1 : bytes.length
}
