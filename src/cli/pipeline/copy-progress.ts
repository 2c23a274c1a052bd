import type { Progress } from '../../base/index.ts'
import type { ReplicationStatus } from '../../replicate/index.ts'

/** Shows how far a worker is: what came since the last look, and which partitions lag most. */
export class CopyProgress {
  readonly #progress: Progress
  readonly #seen = new Map<string, { readonly bytes: number; readonly records: number }>()
  #begun = false

  constructor(progress: Progress) {
    this.#progress = progress
  }

  show({ partitions, state }: ReplicationStatus): void {
    if (!this.#begun && state === 'running') {
      this.#begun = true
      this.#progress.phase('replicate')
    }
    if (!this.#begun) return
    for (const { topic, partition, bytes, records, sourceEnd, next } of partitions) {
      const key = `${topic}/${partition}`
      const before = this.#seen.get(key) ?? { bytes: 0, records: 0 }
      this.#seen.set(key, { bytes, records })
      // A shard that was taken over counts from nothing again.
      const fresh = bytes >= before.bytes && records >= before.records
      const add = fresh
        ? { bytes: bytes - before.bytes, records: records - before.records }
        : { bytes, records }
      this.#progress.advance(topic, partition, add.bytes, add.records)
      if (sourceEnd !== undefined) {
        this.#progress.remaining(topic, partition, Math.max(0, Number(sourceEnd - next)))
      }
    }
  }
}
