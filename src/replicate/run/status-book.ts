import type { Totals } from '../copy/shard-context.ts'
import type { ReplicationEvent, ReplicationStatus } from '../status.ts'
import type { Catalogue } from '../topics/catalogue.ts'
import type { Shards } from './shards.ts'

/** Events kept. */
const eventsKept = 1_000

/** What a worker says of itself. */
export class StatusBook {
  readonly totals: Totals = {
    committed: 0,
    aborted: 0,
    records: 0,
    bytes: 0,
    duplicates: 0,
    returned: 0,
    mapRuns: 0,
  }
  state: ReplicationStatus['state'] = 'starting'
  workers = 0
  readonly #pipeline: string
  readonly #since: number
  readonly #events: ReplicationEvent[] = []
  #worker = ''
  #shards: Shards | undefined
  #catalogue: Catalogue | undefined

  constructor(pipeline: string, since: number) {
    this.#pipeline = pipeline
    this.#since = since
  }

  attach(worker: string, shards: Shards, catalogue: Catalogue): void {
    this.#worker = worker
    this.#shards = shards
    this.#catalogue = catalogue
  }

  happened(event: ReplicationEvent): void {
    this.#events.push(event)
    if (this.#events.length > eventsKept) this.#events.shift()
  }

  status(): ReplicationStatus {
    const { committed, aborted, records, bytes, duplicates, returned } = this.totals
    return {
      pipeline: this.#pipeline,
      worker: this.#worker,
      since: this.#since,
      state: this.state,
      shards: [...(this.#shards?.assigned ?? [])],
      workers: this.workers,
      partitions: this.#shards?.partitions ?? [],
      events: [...this.#events],
      failedTopics: (this.#catalogue?.failed ?? []).map((error) => ({
        topic: error.details.topic ?? '',
        code: error.code,
        message: error.message,
      })),
      transactions: { committed, aborted },
      records,
      bytes,
      duplicates,
      returned,
    }
  }
}
