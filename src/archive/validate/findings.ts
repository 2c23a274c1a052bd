import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Chunk } from '../model.ts'

/**
 * What kind of thing was found: an object is `missing`, has another `size`, was `changed`; a `commit` does not follow the one before or
 * leaves a hole; chunks do not fill their object (`layout`); batches are not what the commit says (`records`); a `checkpoint`
 * says something else than the commits. `orphan` and `unknown` objects belong to no commit and harm nothing.
 */
export type FindingKind =
  | 'missing'
  | 'size'
  | 'changed'
  | 'commit'
  | 'layout'
  | 'records'
  | 'checkpoint'
  | 'orphan'
  | 'unknown'

/** Something that validation has found. */
export interface Finding {
  readonly severity: 'error' | 'info'
  readonly kind: FindingKind
  /** Key relative to the backup. */
  readonly object: string
  /** One sentence. */
  readonly message: string
  readonly topic?: string
  readonly partition?: number
  /** Offsets of the chunk. */
  readonly firstOffset?: bigint
  readonly lastOffset?: bigint
  /** First byte of the chunk in the object. */
  readonly position?: number
}

/** Counts and hands on what is found. */
export class Findings {
  readonly #onFinding: (finding: Finding) => void
  errors = 0
  orphans = 0
  orphanBytes = 0

  constructor(onFinding: (finding: Finding) => void) {
    this.#onFinding = onFinding
  }

  error(kind: FindingKind, object: string, message: string): void {
    this.errors++
    this.#onFinding({ severity: 'error', kind, object, message })
  }

  /** Something wrong with a chunk. */
  chunk(kind: FindingKind, chunk: Chunk, message: string): void {
    this.errors++
    const { object, topic, partition, firstOffset, lastOffset, position } = chunk
    const name = `${topic}/${partition}, offsets ${firstOffset} to ${lastOffset}`
    this.#onFinding({
      severity: 'error',
      kind,
      object,
      message: `The chunk at ${position} of ${object} (${name}) ${message}`,
      topic,
      partition,
      firstOffset,
      lastOffset,
      position,
    })
  }

  /** An object that no commit names. */
  extra(kind: 'orphan' | 'unknown', object: string, size: number, message: string): void {
    this.orphans++
    this.orphanBytes += size
    this.#onFinding({ severity: 'info', kind, object, message })
  }

  /**
   * Does some work; that an object is damaged or missing becomes a finding, and the answer undefined. What else goes wrong is
   * thrown: an object that cannot be reached now is not damaged.
   */
  async attempt<T>(kind: FindingKind, work: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!isDamage(error)) throw error
      const missing = isTidemarkError(error.cause, 'STORAGE_NOT_FOUND')
      this.error(missing ? 'missing' : kind, error.details.object ?? '', error.message)
      return undefined
    }
  }
}

/** Whether an error says that the archive is damaged. */
export function isDamage(error: unknown): error is TidemarkError {
  return (
    error instanceof TidemarkError && (error.code === 'ARCHIVE_DAMAGED' || error.code === 'RECORD_CORRUPT')
  )
}
