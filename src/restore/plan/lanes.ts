import type { RestoreJob } from '../job.ts'
import type { Lane, LaneInput, SourceTopic } from './plan-types.ts'

/**
 * The lanes into one target topic. Without repartitioning each target partition has one, fed by every source partition that is
 * mapped to it; with it, one lane spreads the records of all of them.
 */
export function planLanes(target: string, sources: readonly SourceTopic[], job: RestoreJob): readonly Lane[] {
  const inputs = sources.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((source): LaneInput => ({ topic, topicId, source })),
  )
  const spread = job.repartitioning[target]
  if (spread) {
    const outputs = Array.from({ length: spread.partitions }, (_, partition) => partition)
    const { strategy: type, partitions } = spread
    return [{ key: `${target}/*`, target, inputs, outputs, spread: { type, partitions } }]
  }
  const byPartition = new Map<number, LaneInput[]>()
  for (const input of inputs) {
    const partition = targetPartition(input.source.partition, job)
    const there = byPartition.get(partition)
    if (there) there.push(input)
    else byPartition.set(partition, [input])
  }
  return [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, into]) => ({
      key: `${target}/${partition}`,
      target,
      inputs: into,
      outputs: [partition],
      spread: { type: 'one' },
    }))
}

/** Where a source partition goes when its records are not spread. */
export function targetPartition(source: number, job: Pick<RestoreJob, 'partitionMapping'>): number {
  return job.partitionMapping[source] ?? source
}

/** How many partitions a target topic needs: those of its sources, and every one that is mapped to. */
export function neededPartitions(
  target: string,
  sources: readonly SourceTopic[],
  job: RestoreJob,
): { readonly least: number; readonly atSource: number } {
  const spread = job.repartitioning[target]
  if (spread) return { least: spread.partitions, atSource: spread.partitions }
  let least = 1
  let atSource = 1
  for (const { description, partitions } of sources) {
    atSource = Math.max(atSource, description?.partitions ?? 0)
    for (const { partition } of partitions) least = Math.max(least, targetPartition(partition, job) + 1)
  }
  return { least, atSource: Math.max(least, atSource) }
}
