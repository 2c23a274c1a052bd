import type { Cluster } from '../../kafka/index.ts'
import { TopicTail } from '../control/topic-tail.ts'
import {
  type Checkpoint,
  checkpointsTopic,
  decodeCheckpoint,
  decodeOffsetSync,
  type OffsetSync,
} from './mm2-records.ts'

/**
 * The newest checkpoint of each group in each partition that MirrorMaker 2 (or the sync of groups) has written for a source. Rejects
 * with TOPIC_NOT_FOUND.
 */
export async function readCheckpoints(
  cluster: Cluster,
  alias: string,
  signal?: AbortSignal,
): Promise<readonly Checkpoint[]> {
  const newest = new Map<string, Checkpoint>()
  await using tail = new TopicTail(cluster, checkpointsTopic(alias))
  await tail.catchUp(
    ({ key, value }) => {
      const checkpoint = decodeCheckpoint(key, value)
      if (checkpoint === undefined) return
      const { group, topic, partition } = checkpoint
      newest.set(`${topic}/${partition} ${group}`, checkpoint)
    },
    { upTo: 'all', ...(signal && { signal }) },
  )
  return [...newest.values()].sort(
    (a, b) => compare(a.group, b.group) || compare(a.topic, b.topic) || a.partition - b.partition,
  )
}

/** The offset syncs that are still in MirrorMaker 2's topic, the newest of each partition last. Rejects with TOPIC_NOT_FOUND. */
export async function readOffsetSyncs(
  cluster: Cluster,
  topic: string,
  signal?: AbortSignal,
): Promise<readonly OffsetSync[]> {
  const syncs: OffsetSync[] = []
  await using tail = new TopicTail(cluster, topic)
  await tail.catchUp(
    ({ key, value }) => {
      const sync = decodeOffsetSync(key, value)
      if (sync !== undefined) syncs.push(sync)
    },
    { upTo: 'all', ...(signal && { signal }) },
  )
  return syncs.sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
