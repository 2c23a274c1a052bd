import { compareRecords, type HeaderRule, showRecord } from './compare-records.ts'
import type { ExpectedInput } from './expected-input.ts'
import type { Counts, Findings } from './findings.ts'
import type { GoneRecords } from './gone-records.ts'
import type { TargetLog } from './target-log.ts'

export interface SideOptions {
  readonly log: TargetLog
  readonly logStart: bigint
  /** Where the copy begins in the log. */
  readonly from: bigint
  /** Nobody else's records are expected between those of the copy. */
  readonly exclusive: boolean
  /** Undefined: records behind the copy are extra. Else they are counted up to here, the end of the log. */
  readonly countTo: bigint | undefined
  readonly counts: Counts
  readonly findings: Findings
  readonly gone: GoneRecords
  readonly rule: HeaderRule
}

/** One target partition, held against the archive where the map says that a record is. */
export class MappedSide {
  readonly #options: SideOptions
  /** The log's current record has not been matched yet. */
  #unread = false
  #ended = false
  #last = -1

  constructor(options: SideOptions) {
    this.#options = options
  }

  /** Holds the input's record against what lies at the target offset; undefined = the map does not have it. */
  async expect(
    input: ExpectedInput,
    source: { topic: string; partition: number },
    target: number | undefined,
  ): Promise<void> {
    const { counts, gone, logStart } = this.#options
    counts.expected++
    const key = input.cursor.key()
    gone.seen(key)
    const show = () => showRecord(input.cursor, BigInt(input.offset))
    if (target === undefined) {
      gone.gone(key, input.cursor.value() === null, source, input.offset, show)
      return
    }
    if (target <= this.#last) this.#outOfOrder(input, source, target)
    this.#last = Math.max(this.#last, target)
    if (target < Number(logStart)) {
      counts.expired++
      return
    }
    await this.#moveTo(target)
    const { log } = this.#options
    if (!this.#unread || Number(log.offset) !== target || !log.cursor) {
      gone.gone(key, input.cursor.value() === null, source, input.offset, show)
      return
    }
    this.#unread = false
    this.#compare(input, source)
  }

  /** All records of the archive have been seen: looks for later records of keys that are still waited for, and counts what is behind. */
  async end(): Promise<void> {
    const { gone, log, counts, countTo } = this.#options
    while (this.#unread || ((gone.waiting || countTo === undefined) && (await log.advance()))) {
      this.#unread = false
      gone.seen(log.cursor?.key() ?? null)
      if (countTo === undefined) this.#extra()
      else counts.behind++
    }
    if (countTo === undefined) return
    const { records, exact } = await log.rest(countTo)
    counts.behind += records
    counts.behindExact = exact
  }

  async #moveTo(target: number): Promise<void> {
    const { log, from, exclusive } = this.#options
    if (!exclusive) {
      if (!this.#unread || Number(log.offset) < target) this.#unread = await log.seek(BigInt(target))
      return
    }
    for (;;) {
      if (!this.#unread) {
        if (this.#ended) return
        this.#unread = await log.advance()
        this.#ended = !this.#unread
        if (this.#ended) return
      }
      if (Number(log.offset) >= target) return
      this.#unread = false
      if (log.offset >= from) this.#extra()
    }
  }

  #compare(input: ExpectedInput, source: { topic: string; partition: number }): void {
    const { log, counts, findings, rule, gone } = this.#options
    const actual = log.cursor
    if (!actual) return
    gone.seen(actual.key())
    const expected = { cursor: input.cursor, partition: input.partition, offset: BigInt(input.offset) }
    const differs = compareRecords(expected, actual, rule)
    if (differs === undefined) {
      counts.same++
      return
    }
    counts.different++
    const { topic, partition } = counts
    findings.add({
      kind: 'different',
      topic,
      partition,
      source,
      what: `source offset ${input.offset} and target offset ${log.offset} differ: ${differs}`,
      archive: findings.open ? showRecord(input.cursor, BigInt(input.offset)) : undefined,
      target: findings.open ? showRecord(actual, log.offset) : undefined,
    })
  }

  #extra(): void {
    const { log, counts, findings } = this.#options
    counts.extra++
    const { topic, partition } = counts
    findings.add({
      kind: 'extra',
      topic,
      partition,
      source: undefined,
      what: `the record at target offset ${log.offset} is not of the archive`,
      archive: undefined,
      target: findings.open && log.cursor ? showRecord(log.cursor, log.offset) : undefined,
    })
  }

  #outOfOrder(input: ExpectedInput, source: { topic: string; partition: number }, target: number): void {
    const { counts, findings } = this.#options
    const { topic, partition } = counts
    findings.add({
      kind: 'order',
      topic,
      partition,
      source,
      what: `source offset ${input.offset} is at target offset ${target}, before a record that precedes it at the source`,
      archive: findings.open ? showRecord(input.cursor, BigInt(input.offset)) : undefined,
      target: undefined,
    })
  }
}
