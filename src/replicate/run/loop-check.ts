import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader } from '../../kafka/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { readToEnd, type TopicRecord } from '../control/topic-walk.ts'
import type { ReplicateJob } from '../job.ts'
import type { SelectedTopic } from '../topics/select-topics.ts'

/**
 * Refuses to be the other half of a pair of pipelines that would copy each other's copies for ever. The other pipeline's positions lie
 * on our source: when one of them says that a topic of our target is copied to a topic that we would copy back to it, records need the
 * provenance header. Rejects with REPLICATION_LOOP.
 */
export async function refuseLoop(
  job: ReplicateJob,
  source: Cluster,
  target: Cluster,
  topics: readonly SelectedTopic[],
  signal: AbortSignal,
): Promise<void> {
  if (job.bidirectional || source.clusterId === target.clusterId) return
  const [control] = await source.topics([job.controlTopic.name], { signal })
  if (!control) return
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
  const [topic] = looped.values()
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
