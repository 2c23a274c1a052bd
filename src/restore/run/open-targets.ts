import { isOpen, openTopics } from '../topics/open-topics.ts'
import type { Failures, Phase } from './phase.ts'

/** Creates or relaxes the target topics; answers with those that could not be. Ids and log ends go into the state. */
export async function openTargets({ environment, made, state, signal }: Phase): Promise<Failures> {
  const { cluster } = environment
  const { infos, failed } = await openTopics(cluster, made.plan, state.topics(), {
    facts: made.facts,
    signal,
  })
  const failures: Failures = new Map(failed.map(({ topic, error }) => [topic, error]))
  const opening = state.topics().filter((entry) => !isOpen(entry) && !failures.has(entry.target))
  const partitions = opening.flatMap(({ target }) =>
    (infos.get(target)?.partitions ?? []).map(({ partition }) => ({ topic: target, partition })),
  )
  const asked = partitions.map((place) => ({ ...place, at: 'latest' as const }))
  const ends = Map.groupBy(await cluster.listOffsets(asked, { signal }), ({ topic }) => topic)
  for (const { target } of opening) {
    const byPartition = [...(ends.get(target) ?? [])].sort((a, b) => a.partition - b.partition)
    state.updateTopic(target, {
      id: infos.get(target)?.id,
      ends: byPartition.map(({ offset }) => offset ?? 0n),
    })
  }
  return failures
}
