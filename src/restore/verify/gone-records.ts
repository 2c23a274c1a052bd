import { hash } from 'node:crypto'
import type { RestoreNotice } from '../job.ts'
import type { Counts, Findings } from './findings.ts'
import type { ShownRecord } from './verify-types.ts'

/** Records that may be waiting for their proof at once, in one partition. */
const MOST_PENDING = 200_000

interface Pending {
  readonly source: { readonly topic: string; readonly partition: number }
  readonly shown: ShownRecord | undefined
  readonly offset: number
  readonly tombstone: boolean
}

/**
 * Records that the target has no more. In a compacted topic that is right where a later record of the same key exists; a
 * tombstone may go by itself. They wait here until the key comes again; what is left at the end is missing.
 */
export class GoneRecords {
  readonly #counts: Counts
  readonly #findings: Findings
  readonly #compacted: boolean
  readonly #pending = new Map<string, Pending[]>()
  #size = 0
  #unproven = 0

  constructor(counts: Counts, findings: Findings, compacted: boolean) {
    this.#counts = counts
    this.#findings = findings
    this.#compacted = compacted
  }

  get waiting(): boolean {
    return this.#size > 0
  }

  /** A record of the archive that is not on the target. */
  gone(
    key: Buffer | null,
    tombstone: boolean,
    source: Pending['source'],
    offset: number,
    show: () => ShownRecord,
  ): void {
    const shown = this.#findings.open ? show() : undefined
    const record = { source, offset, tombstone, shown }
    if (!this.#compacted || key === null) this.#missing(record)
    else if (this.#size >= MOST_PENDING) this.#unproven++
    else {
      const id = idOf(key)
      const there = this.#pending.get(id)
      if (there) there.push(record)
      else this.#pending.set(id, [record])
      this.#size++
    }
  }

  /** A record with this key comes later, in the archive or on the target: those that wait for it were compacted away. */
  seen(key: Buffer | null): void {
    if (this.#size === 0 || key === null) return
    const id = idOf(key)
    const resolved = this.#pending.get(id)
    if (!resolved) return
    this.#pending.delete(id)
    this.#size -= resolved.length
    this.#counts.compacted += resolved.length
  }

  /** Nothing comes any more. Answers with what could not be proven. */
  end(): RestoreNotice[] {
    for (const record of [...this.#pending.values()].flat()) {
      if (record.tombstone) this.#counts.compacted++
      else this.#missing(record)
    }
    this.#pending.clear()
    this.#size = 0
    if (this.#unproven === 0) return []
    this.#counts.compacted += this.#unproven
    const { topic, partition } = this.#counts
    const message = `${this.#unproven} records of ${topic}-${partition} are gone from the compacted topic, too many to prove of each that a later record of its key exists`
    return [{ code: 'compaction-unproven', message, topic, partition }]
  }

  #missing({ source, shown, offset }: Pending): void {
    this.#counts.missing++
    const { topic, partition } = this.#counts
    this.#findings.add({
      kind: 'missing',
      topic,
      partition,
      source,
      what: `the record at source offset ${offset} is not on the target`,
      archive: shown,
      target: undefined,
    })
  }
}

function idOf(key: Buffer): string {
  return key.length <= 16 ? key.toString('latin1') : hash('sha1', key, 'base64')
}
