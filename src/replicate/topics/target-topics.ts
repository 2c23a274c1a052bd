import { isTidemarkError, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, isTopicExists, type TopicConfig, type TopicInfo } from '../../kafka/index.ts'
import type { ReplicateJob } from '../job.ts'
import type { SelectedTopic } from './select-topics.ts'
import { configChanges, targetConfigs } from './target-configs.ts'

/** A target topic that is ready to be written to. */
export interface TargetTopic {
  readonly name: string
  readonly id: string | undefined
  readonly partitions: number
  /** Largest batch that it takes, in bytes. */
  readonly limit: number
}

/** Among how many partitions of the target records find theirs by key; undefined when each stays in the one that it comes from. */
export function spreadOver(
  { partitioning }: Pick<ReplicateJob, 'partitioning'>,
  source: number,
  target: number | undefined,
): number | undefined {
  return partitioning === 'key' && target !== source ? target : undefined
}

/** What the broker takes when it does not say. */
const defaultLimit = 1_048_588

/** The topics on the target: made when they are missing, with what the source has; kept in step afterwards. */
export class TargetTopics {
  readonly #job: ReplicateJob
  readonly #source: Cluster
  readonly #target: Cluster
  readonly #telemetry: Telemetry
  readonly #ready = new Map<string, Promise<TargetTopic>>()
  /** Partitions of the topics that were prepared, as seen last. */
  readonly #counts = new Map<string, number>()
  /** Settings as they were last made. */
  readonly #made = new Map<string, Readonly<Record<string, string>>>()
  #known: Promise<ReadonlySet<string>> | undefined

  constructor(job: ReplicateJob, source: Cluster, target: Cluster, telemetry: Telemetry) {
    this.#job = job
    this.#source = source
    this.#target = target
    this.#telemetry = telemetry
  }

  /**
   * The target of a topic, with partitions enough. Rejects with TARGET_UNSUITABLE, TOPIC_NOT_FOUND where it may not be made, and the
   * errors of the cluster. Many may ask for the same at once. `created`: whether it may be made: not where it was copied to before.
   */
  ready(topic: SelectedTopic, mayCreate: boolean): Promise<TargetTopic> {
    const wanted = this.#job.partitioning === 'source' ? topic.source.partitions.length : 1
    const before = this.#ready.get(topic.target) ?? Promise.resolve(undefined)
    const next = before.then(
      (known) => (known && known.partitions >= wanted ? known : this.#prepare(topic, wanted, mayCreate)),
      () => this.#prepare(topic, wanted, mayCreate),
    )
    this.#ready.set(topic.target, next)
    next.catch(() => {})
    return next
  }

  /** What is known of a target is asked for again the next time. */
  forget(target: string): void {
    this.#ready.delete(target)
  }

  /**
   * Among how many partitions the records of a topic are to be spread by key; undefined when all go to the partition that they come from,
   * or nothing is known yet.
   */
  spread({ source, target }: SelectedTopic): number | undefined {
    return spreadOver(this.#job, source.partitions.length, this.#counts.get(target))
  }

  /** Looks whether targets have other numbers of partitions now. It matters only where records find theirs by key. */
  async count(signal: AbortSignal): Promise<boolean> {
    if (this.#job.partitioning !== 'key' || this.#counts.size === 0) return false
    const infos = await this.#target.topics([...this.#counts.keys()], { signal })
    let changed = false
    for (const { name, partitions } of infos) {
      const before = this.#counts.get(name)
      if (before === partitions.length) continue
      changed = true
      this.#counts.set(name, partitions.length)
      this.forget(name)
      this.#telemetry.log('info', 'a target topic has another number of partitions now', {
        topic: name,
        before,
        partitions: partitions.length,
      })
    }
    return changed
  }

  /** Makes the source's settings on the target, where they have changed. For topics that are ready. */
  async follow(topics: readonly SelectedTopic[]): Promise<void> {
    if (!this.#job.followConfigs || topics.length === 0) return
    const [sources, targets, known] = await Promise.all([
      this.#source.readTopicConfigs(topics.map(({ source }) => source.name)),
      this.#target.readTopicConfigs(topics.map(({ target }) => target)),
      this.#knownConfigs(),
    ])
    const ofSource = new Map(sources.done.filter((entry) => entry !== undefined))
    const ofTarget = new Map(targets.done.filter((entry) => entry !== undefined))
    const all = new Map<string, Readonly<Record<string, string | null>>>()
    for (const { source, target } of topics) {
      const from = ofSource.get(source.name)
      const to = ofTarget.get(target)
      if (!from || !to) continue
      const replicas = Number(this.#job.replicationFactor ?? source.partitions[0]?.replicas.length ?? 1)
      const now = targetConfigs(this.#job, from, { known, replicationFactor: replicas })
      const changes = configChanges(this.#made.get(target), now, to)
      this.#made.set(target, now)
      if (Object.keys(changes).length > 0) all.set(target, changes)
    }
    if (all.size === 0) return
    for (const [topic, outcome] of await this.#target.alterManyTopicConfigs(all)) {
      if (outcome.done.length > 0) {
        this.#telemetry.log('info', 'settings of the source topic were made on the target', {
          topic,
          settings: outcome.done.join(', '),
        })
        this.forget(topic)
      }
      for (const { item, error } of outcome.failed) {
        this.#telemetry.log('warn', 'a setting of the source topic cannot be made on the target', {
          topic,
          setting: item,
          error: error.message,
        })
      }
    }
  }

  async #prepare(topic: SelectedTopic, wanted: number, mayCreate: boolean): Promise<TargetTopic> {
    const creates = this.#job.createTopics && mayCreate
    const [found] = await this.#target.topics([topic.target], { lookAgain: !creates })
    let info = found ?? (await this.#create(topic, mayCreate))
    if (info.partitions.length < wanted) info = await this.#grow(topic, info, wanted)
    const configs = (await this.#target.topicConfigs([topic.target])).get(topic.target) ?? []
    this.#check(topic.target, configs)
    const limit = Number(configs.find(({ name }) => name === 'max.message.bytes')?.value ?? defaultLimit)
    this.#counts.set(topic.target, info.partitions.length)
    return { name: info.name, id: info.id, partitions: info.partitions.length, limit }
  }

  async #create({ source, target }: SelectedTopic, mayCreate: boolean): Promise<TopicInfo> {
    if (!this.#job.createTopics || !mayCreate) throw missing(target, mayCreate)
    const [configs, brokers, known] = await Promise.all([
      this.#source.topicConfigs([source.name]),
      this.#target.brokers(),
      this.#knownConfigs(),
    ])
    const replicas = source.partitions[0]?.replicas.length ?? 1
    const replicationFactor = this.#job.replicationFactor ?? Math.max(1, Math.min(replicas, brokers.length))
    const made = targetConfigs(this.#job, configs.get(source.name) ?? [], { known, replicationFactor })
    const { done, failed } = await this.#target.createTopics([
      { name: target, partitions: source.partitions.length, replicationFactor, configs: made },
    ])
    const [info] = done
    if (info) {
      this.#made.set(target, made)
      this.#telemetry.log('info', 'a target topic was created', {
        topic: target,
        partitions: info.partitions.length,
        replicationFactor,
      })
      return info
    }
    // Another worker was quicker.
    const error = failed[0]?.error
    const [found] = error && isTopicExists(error) ? await this.#target.topics([target]) : []
    if (found) return found
    throw error ?? missing(target, true)
  }

  async #grow({ source, target }: SelectedTopic, info: TopicInfo, wanted: number): Promise<TopicInfo> {
    if (!this.#job.createTopics) {
      throw unsuitable(
        target,
        `has ${info.partitions.length} partitions, fewer than the ${wanted} of ${source.name}`,
        `Give it ${wanted} partitions, or let records find their partition by key.`,
      )
    }
    try {
      await this.#target.createPartitions(target, wanted)
      this.#telemetry.log('info', 'partitions were added to a target topic', {
        topic: target,
        partitions: wanted,
      })
    } catch (error) {
      // Another worker was quicker.
      if (!isTidemarkError(error, 'CONFIG_INVALID')) throw error
    }
    const [grown] = await this.#target.topics([target])
    if (!grown || grown.partitions.length < wanted) {
      throw unsuitable(target, `cannot be given ${wanted} partitions`, 'Add them by hand.')
    }
    return grown
  }

  #check(target: string, configs: readonly TopicConfig[]): void {
    const type = configs.find(({ name }) => name === 'message.timestamp.type')?.value
    if (!this.#job.keepTimestamps || type !== 'LogAppendTime') return
    throw unsuitable(
      target,
      'stamps records with its own time (message.timestamp.type=LogAppendTime)',
      'Set message.timestamp.type=CreateTime on it, or give up the creation times (keepRecordCreationTimestamp: disabled).',
    )
  }

  #knownConfigs(): Promise<ReadonlySet<string>> {
    this.#known ??= this.#target.knownTopicConfigs([this.#job.controlTopic.name]).catch((error) => {
      this.#known = undefined
      throw error
    })
    return this.#known
  }
}

function missing(topic: string, mayCreate: boolean): TidemarkError {
  if (!mayCreate) {
    return new TidemarkError('TARGET_CHANGED', `The target topic ${JSON.stringify(topic)} was deleted`, {
      details: { topic },
      hint: 'Use another name for the pipeline to copy it from its beginning.',
    })
  }
  return new TidemarkError('TOPIC_NOT_FOUND', `The target topic ${JSON.stringify(topic)} does not exist`, {
    details: { topic },
    hint: 'Create it, or let the pipeline create topics (autoCreateTopics).',
  })
}

function unsuitable(topic: string, what: string, hint: string): TidemarkError {
  return new TidemarkError('TARGET_UNSUITABLE', `The target topic ${JSON.stringify(topic)} ${what}`, {
    details: { topic },
    hint,
  })
}
