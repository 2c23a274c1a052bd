import { murmur2 } from '../../records/index.ts'

/** Parts of a pipeline that are given to workers. Never changes: a partition's shard decides which transactional id fences it. */
export const SHARDS = 16

/** The shard of a source partition. Partitions of one topic lie in different shards as far as there are enough. */
export function shardOf(topic: string, partition: number): number {
  return ((murmur2(Buffer.from(topic)) & 0x7fff_ffff) + partition) % SHARDS
}

/** Under this id a shard is written; taking it over fences the former owner. */
export function transactionalIdOf(pipeline: string, shard: number): string {
  return `tidemark-${pipeline}-${shard}`
}

/** The group on the target whose members are the pipeline's workers. */
export function groupOf(pipeline: string): string {
  return `tidemark-${pipeline}`
}

/**
 * The group on the target in which the pipeline's sync programs agree whose turn it is. No name of a pipeline has a colon, so that
 * it is not the group of another one's workers.
 */
export function syncGroupOf(pipeline: string): string {
  return `tidemark-${pipeline}:sync`
}
