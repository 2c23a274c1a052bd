import { shardOf } from '../workers/shards.ts'
import type { SelectedTopic } from './select-topics.ts'

/** One source partition that is to be copied. */
export interface Route {
  readonly topic: SelectedTopic
  readonly partition: number
}

export function routeKey(topic: string, partition: number): string {
  return `${topic}/${partition}`
}

/** The source partitions of each shard, by their keys. */
export function routesByShard(
  topics: readonly SelectedTopic[],
): ReadonlyMap<number, ReadonlyMap<string, Route>> {
  const shards = new Map<number, Map<string, Route>>()
  for (const topic of topics) {
    const { name, partitions } = topic.source
    for (const { partition } of partitions) {
      const shard = shardOf(name, partition)
      const routes = shards.get(shard) ?? new Map<string, Route>()
      shards.set(shard, routes)
      routes.set(routeKey(name, partition), { topic, partition })
    }
  }
  return shards
}
