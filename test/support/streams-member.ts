import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../../src/kafka/index.ts'
import { WireReader } from '../../src/kafka/wire-reader.ts'
import { WireWriter } from '../../src/kafka/wire-writer.ts'

/*
  StreamsGroupHeartbeat Request (Version: 0) => group_id member_id member_epoch endpoint_information_epoch instance_id rack_id
      rebalance_timeout_ms topology [active_tasks] [standby_tasks] [warmup_tasks] process_id user_endpoint [client_tags]
      [task_offsets] [task_end_offsets] shutdown_application TAG_BUFFER
    topology => (nullable) epoch [subtopologies] TAG_BUFFER
      subtopologies => subtopology_id [source_topics] [source_topic_regex] [state_changelog_topics] [repartition_sink_topics]
                       [repartition_source_topics] [copartition_groups] TAG_BUFFER
*/
function heartbeat(group: string, member: string, epoch: number, topic: string): Buffer {
  const joining = epoch === 0
  const writer = new WireWriter()
    .string(group, true)
    .string(member, true)
    .int32(epoch)
    .int32(0)
    .string(null, true)
    .string(null, true)
    .int32(joining ? 60_000 : -1)
  if (joining) {
    writer.int8(1).int32(0).count(1, true).string('0', true)
    writer.count(1, true).string(topic, true)
    for (let list = 0; list < 5; list++) writer.count(0, true)
    writer.tags(true).tags(true)
  } else writer.int8(-1)
  for (let list = 0; list < 3; list++) writer.count(joining ? 0 : -1, true)
  writer.string(joining ? randomUUID() : null, true).int8(-1)
  writer
    .count(joining ? 0 : -1, true)
    .count(-1, true)
    .count(-1, true)
  return writer.int8(0).tags(true).finish()
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const coordinatorComing = new Set([14, 15, 16])

/** A member of a streams group (KIP-1071) on a cluster of one broker, as a Kafka Streams application would be. Leaves when disposed. */
export async function joinStreams(cluster: Cluster, group: string, topic: string): Promise<AsyncDisposable> {
  const connection = await cluster.connect(1)
  const member = randomUUID()
  const beat = async (epoch: number) => {
    const body = [heartbeat(group, member, epoch, topic)]
    const frame = await connection.exchange({ apiKey: 88, apiVersion: 0, flexible: true, body })
    const reader = new WireReader(frame, 5)
    reader.int32()
    const code = reader.int16()
    if (coordinatorComing.has(code)) return false
    if (code !== 0) throw new Error(`StreamsGroupHeartbeat was answered with ${code}: ${reader.string(true)}`)
    return true
  }
  // Asking for the coordinator of a group makes the topic in which groups are kept.
  while (!(await beat(0))) {
    await cluster.fetchPositions([group])
    await delay(100)
  }
  return {
    async [Symbol.asyncDispose]() {
      await beat(-1)
      connection.close()
    },
  }
}
