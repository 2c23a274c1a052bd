import { isTidemarkError, systemClock, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader, type TopicInfo } from '../../kafka/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { readToEnd, type TopicRecord } from '../control/topic-walk.ts'
import type { ReplicateJob } from '../job.ts'
import type { SelectedTopic } from '../topics/select-topics.ts'
import { controlTopicsOfRunning } from './running-pipelines.ts'

/** Ms that the workers of other pipelines, and their control topics, are asked for. */
const patience = 5_000

interface LoopContext {
  readonly source: Cluster
  readonly target: Cluster
  /** What is to be copied. */
  readonly topics: readonly SelectedTopic[]
  readonly telemetry: Telemetry
  readonly signal: AbortSignal
}

/**
 * Refuses to be the other half of a pair of pipelines that would copy each other's copies for ever. The other pipeline's positions lie
 * on our source, in a control topic of the same name as ours, or of the name that its running workers tell: when one of them says that
 * a topic of our target is copied to a topic that we would copy back to it, records need the provenance header.
 */
export class LoopCheck {
  readonly #job: ReplicateJob
  readonly #context: LoopContext
  #seen = false

  constructor(job: ReplicateJob, context: LoopContext) {
    this.#job = job
    this.#context = context
  }

  /** One look, before anything is made. Rejects with REPLICATION_LOOP. */
  async first(): Promise<void> {
    if (!this.#applies) return
    await this.#own(false)
    const { telemetry, signal } = this.#context
    const untold = (reason: string) =>
      telemetry.log('warn', 'whether another pipeline copies what this one would copy back cannot be told', {
        reason,
      })
    // A source that is half dead, or somebody else's topics, must not keep the copy from beginning.
    const ended = new AbortController()
    const late = systemClock.sleep(patience, AbortSignal.any([signal, ended.signal])).then(
      () => untold(`the source took more than ${patience} ms to tell`),
      () => {},
    )
    const others = this.#others().catch((error: unknown) => {
      if (!isTidemarkError(error) || error.code === 'INTERNAL' || error.code === 'REPLICATION_LOOP')
        throw error
      if (!ended.signal.aborted) untold(error.message)
    })
    others.catch(() => {})
    try {
      await Promise.race([others, late])
    } finally {
      ended.abort()
    }
    signal.throwIfAborted()
  }

  /** A broker may not know the control topic at the first look: this is sure, and takes a while. Rejects with REPLICATION_LOOP. */
  async sure(): Promise<void> {
    if (this.#applies && !this.#seen) await this.#own(true)
  }

  /** The control topics of other pipelines, as their running workers name them. */
  async #others(): Promise<void> {
    for (const name of await controlTopicsOfRunning(this.#context.source)) {
      if (name !== this.#job.controlTopic.name) await this.#refuse(name, true)
    }
  }

  get #applies(): boolean {
    const { source, target } = this.#context
    return !this.#job.bidirectional && source.clusterId !== target.clusterId
  }

  async #own(lookAgain: boolean): Promise<void> {
    this.#seen = await this.#refuse(this.#job.controlTopic.name, lookAgain)
  }

  /** Answers whether there is such a topic. */
  async #refuse(name: string, lookAgain: boolean): Promise<boolean> {
    const { source, signal } = this.#context
    const [control] = await source.topics([name], { signal, lookAgain })
    if (!control) return false
    const topic = await loopedTopic(control, this.#context)
    if (topic !== undefined) throw looped(topic)
    return true
  }
}

function looped(topic: string): TidemarkError {
  return new TidemarkError(
    'REPLICATION_LOOP',
    `Another pipeline copies ${JSON.stringify(topic)} of the target to the source, and this one would copy it back`,
    {
      details: { topic },
      hint: 'Set bidirectionalReplication on both pipelines, so that records say where they come from; or rename the topics apart.',
    },
  )
}

/** A topic of the target that the pipeline of this control topic copies to one that we would copy back to it. */
async function loopedTopic(
  control: TopicInfo,
  { source, target, topics, signal }: LoopContext,
): Promise<string | undefined> {
  const targets = new Map(topics.map((topic) => [topic.source.name, topic.target]))
  const looped = new Map<string, string>()
  const take = ({ partition, offset, key, value }: TopicRecord): void => {
    if (key === null) return
    const place = `The record at offset ${offset} of ${control.name}-${partition}`
    try {
      const name = decodePositionKey(key, place)
      if (!name || name.cluster !== target.clusterId) return
      const label = `${name.pipeline} ${name.topic}`
      if (value === null) looped.delete(label)
      else if (targets.get(decodePosition(value, place).targetTopic) === name.topic)
        looped.set(label, name.topic)
    } catch (error) {
      // Whatever else lies there is not ours to judge.
      if (!isTidemarkError(error, 'MAP_RECORD_INVALID')) throw error
    }
  }
  await using reader = new PositionReader(source)
  for (const { partition } of control.partitions) {
    await readToEnd(source, reader, { topic: control.name, partition }, 0n, take, signal)
  }
  return [...looped.values()][0]
}
