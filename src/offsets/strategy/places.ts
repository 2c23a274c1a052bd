import { TidemarkError } from '../../base/index.ts'
import type { GivenGroup } from '../given/given-positions.ts'
import { type LogTable, place } from '../plan/planner.ts'
import { readTopicChoice, type TopicChoice } from './by-place.ts'
import type { TargetPlace } from './target-place.ts'

/** Where each group stands on the target now. */
export type CurrentOf = (
  group: string,
) => ReadonlyMap<string, { readonly offset: bigint; readonly metadata: string | null }>

/** The partitions in which groups have given positions, under the topics' names on the target; each once. Pure. */
export function placesOfPositions(
  groups: readonly GivenGroup[],
  targetTopic: (topic: string) => string,
  current: CurrentOf,
): readonly TargetPlace[] {
  return groups.flatMap(({ group, type, positions }) => {
    const now = current(group)
    const places = new Map<string, TargetPlace>()
    for (const { topic: source, partition, offset, timestamp } of positions) {
      const topic = targetTopic(source)
      const key = place(topic, partition)
      if (offset < 0n) continue
      // Where two became one, the earlier time skips nothing.
      const other = places.get(key)?.timestamp
      const time = other !== undefined && timestamp !== undefined && other < timestamp ? other : timestamp
      places.set(key, { group, type, topic, partition, now: now.get(key), timestamp: time })
    }
    return [...places.values()]
  })
}

/**
 * The partitions that choices such as `orders`, `orders:3` and `orders-*` mean, for each group. Pure. Throws TOPIC_NOT_FOUND for a topic
 * or partition named exactly that the target does not have.
 */
export function placesOfTopics(
  groups: readonly Pick<GivenGroup, 'group' | 'type'>[],
  choices: readonly TopicChoice[],
  logs: LogTable,
  current: CurrentOf,
): readonly TargetPlace[] {
  for (const choice of choices) checkThere(choice, logs)
  const chosen = [...logs].flatMap(([topic, partitions]) =>
    [...partitions.keys()]
      .filter((partition) =>
        choices.some(
          (choice) =>
            choice.topic.matches(topic) && (choice.partition === undefined || choice.partition === partition),
        ),
      )
      .map((partition) => ({ topic, partition })),
  )
  return groups.flatMap(({ group, type }) => {
    const now = current(group)
    return chosen.map(({ topic, partition }) => ({
      group,
      type,
      topic,
      partition,
      now: now.get(place(topic, partition)),
    }))
  })
}

/** Choices as they are written, `orders`, `orders:3`, … Throws CONFIG_INVALID. */
export function readTopicChoices(texts: readonly string[]): readonly TopicChoice[] {
  return texts.map(readTopicChoice)
}

function checkThere({ topic, partition }: TopicChoice, logs: LogTable): void {
  if (!topic.literal) return
  const partitions = logs.get(topic.text)
  const name = partition === undefined ? topic.text : `${topic.text}:${partition}`
  if (partitions !== undefined && (partition === undefined || partitions.has(partition))) return
  throw new TidemarkError(
    'TOPIC_NOT_FOUND',
    `The target has no ${partitions ? 'partition' : 'topic'} ${name}`,
    {
      details: { topic: topic.text, ...(partition !== undefined && { partition }) },
      hint: 'Correct the name of --topics; a pattern need not match.',
    },
  )
}
