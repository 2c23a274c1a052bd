import { isTidemarkError, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader, type TopicInfo } from '../../kafka/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { readToEnd, type TopicRecord } from '../control/topic-walk.ts'
import type { ReplicateJob } from '../job.ts'
import type { SelectedTopic } from '../topics/select-topics.ts'
import { controlTopicsOfRunning } from './running-pipelines.ts'

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
 * a topic of our target is copied to a topic that we would copy back to it, records need the provenance header. Rejects with
 * REPLICATION_LOOP.
 */
export async function refuseLoop(job: ReplicateJob, context: LoopContext): Promise<void> {
  const { source, target, telemetry, signal } = context
  if (job.bidirectional || source.clusterId === target.clusterId) return
  const own = job.controlTopic.name
  const [found, running] = await Promise.all([
    source.topics([own], { signal }),
    controlTopicsOfRunning(source),
  ])
  for (const control of found) refuse(await loopedTopic(control, context))
  for (const name of running.filter((other) => other !== own)) {
    try {
      for (const control of await source.topics([name], { signal }))
        refuse(await loopedTopic(control, context))
    } catch (error) {
      if (!isTidemarkError(error, 'AUTHORIZATION_FAILED')) throw error
      telemetry.log('warn', 'whether another pipeline copies what this one would copy back cannot be told', {
        topic: name,
        error: error.message,
      })
    }
  }
}

function refuse(topic: string | undefined): void {
  if (topic === undefined) return
  throw new TidemarkError(
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
