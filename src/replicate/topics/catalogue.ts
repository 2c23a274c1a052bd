import { systemClock, type Telemetry, type TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { ReplicateJob } from '../job.ts'
import { type Route, routesByShard } from './routes.ts'
import { isSelected, type SelectedTopic, selectTopics } from './select-topics.ts'

/** What there is to copy, as the source says; looked at again from time to time. */
export class Catalogue {
  readonly #job: ReplicateJob
  readonly #source: Cluster
  readonly #target: Cluster
  readonly #telemetry: Telemetry
  #topics: readonly SelectedTopic[] = []
  #failed: readonly TidemarkError[] = []
  #routes: ReadonlyMap<number, ReadonlyMap<string, Route>> = new Map()
  #signature = ''
  /** Partitions of all topics of the source. */
  #there: ReadonlyMap<string, number> = new Map()
  #askedAt = Number.NEGATIVE_INFINITY
  readonly #selects: (topic: string) => boolean

  constructor(job: ReplicateJob, source: Cluster, target: Cluster, telemetry: Telemetry) {
    this.#job = job
    this.#source = source
    this.#target = target
    this.#telemetry = telemetry
    this.#selects = isSelected(job)
  }

  get topics(): readonly SelectedTopic[] {
    return this.#topics
  }

  /** Selected topics that cannot be copied. */
  get failed(): readonly TidemarkError[] {
    return this.#failed
  }

  /** Whether a partition would be copied if it were there, and is not. */
  misses(topic: string, partition: number): boolean {
    return this.#selects(topic) && partition >= (this.#there.get(topic) ?? 0)
  }

  routes(shard: number): ReadonlyMap<string, Route> {
    return this.#routes.get(shard) ?? new Map()
  }

  /** Ms (monotonic): what is known is not older than this. */
  get askedAt(): number {
    return this.#askedAt
  }

  /** Asks the source. Answers whether there is something else to copy than before. */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const asked = systemClock.monotonic()
    const infos = await this.#source.topics(undefined, { signal })
    this.#askedAt = asked
    this.#there = new Map(infos.map(({ name, partitions }) => [name, partitions.length]))
    const clusters = { source: this.#source.clusterId, target: this.#target.clusterId }
    const { topics, failed } = selectTopics(this.#job, infos, clusters)
    for (const error of failed) {
      if (this.#failed.some(({ message }) => message === error.message)) continue
      this.#telemetry.log('error', 'a topic cannot be copied', { error: error.message })
    }
    this.#failed = failed
    const signature = topics
      .map(({ source }) => `${source.name} ${source.id} ${source.partitions.length}`)
      .sort()
      .join('\n')
    if (signature === this.#signature) return false
    const known = new Set(this.#topics.map(({ source }) => source.name))
    const added = topics.filter(({ source }) => !known.has(source.name))
    if (added.length > 0) {
      this.#telemetry.log('info', 'topics to be copied were found', {
        topics: added.map(({ source }) => source.name).join(', '),
      })
    }
    this.#signature = signature
    this.#topics = topics
    this.#routes = routesByShard(topics)
    return true
  }
}
