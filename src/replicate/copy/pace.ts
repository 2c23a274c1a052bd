import type { ReplicateJob } from '../job.ts'

/** A transaction is never made smaller than this because the target is slow. */
const leastBytes = 64 << 10

/**
 * How much goes into a transaction. Brokers abort what takes too long, so a target that is slow, or slowed down, gets less at a
 * time. Kept over ownerships: what was too much is not tried again at once.
 */
export class Pace {
  readonly #job: Pick<ReplicateJob, 'commitBytes' | 'transactionTimeout' | 'rateLimitBytes'>
  #bytes: number

  constructor(job: Pick<ReplicateJob, 'commitBytes' | 'transactionTimeout' | 'rateLimitBytes'>) {
    this.#job = job
    this.#bytes = job.commitBytes
  }

  /** Bytes after which a transaction is committed. */
  get bytes(): number {
    const { rateLimitBytes } = this.#job
    return rateLimitBytes === undefined ? this.#bytes : Math.max(1, Math.min(this.#bytes, rateLimitBytes / 4))
  }

  /** A transaction was committed after so many ms. */
  committed(took: number): void {
    const { transactionTimeout, commitBytes } = this.#job
    if (took > transactionTimeout / 4) this.#bytes = Math.max(leastBytes, this.#bytes >> 1)
    else if (took < transactionTimeout / 16) this.#bytes = Math.min(commitBytes, this.#bytes * 2)
  }

  /** A transaction failed after so many ms. */
  failed(took: number): void {
    if (took > this.#job.transactionTimeout / 2) this.#bytes = Math.max(leastBytes, this.#bytes >> 2)
  }
}
