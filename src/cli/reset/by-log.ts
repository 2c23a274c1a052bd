import { nameFilter, parseNamePattern, TidemarkError } from '../../base/index.ts'
import type {
  CurrentOf,
  GivenGroup,
  GivenPositions,
  GroupSelection,
  TargetPlace,
  TargetState,
  WantedPosition,
} from '../../offsets/index.ts'
import { readGiven } from './given.ts'
import type { Wanted } from './make-plan.ts'
import type { ResetContext } from './reset-context.ts'
import type { ResetOptions } from './reset-options.ts'
import { topicNames } from './topic-names.ts'

/** Places, and what they are held against. */
interface Places extends Omit<Wanted, 'wanted'> {
  readonly places: readonly TargetPlace[]
}

/** `timestamp`, `duration`, `earliest`, `latest`, `offset`, `shift`: where the log of the target, or what was given, says. */
export async function byLog(options: ResetOptions, context: ResetContext): Promise<Wanted> {
  const { places, ...rest } = options.topics
    ? await placesOfTopics(options, options.topics, context)
    : await placesOfPositions(options, context)
  return { ...rest, wanted: await wantedOf(options, places, rest.target, context) }
}

/** Where the groups have positions: on the target, or in what was given. */
async function placesOfPositions(options: ResetOptions, context: ResetContext): Promise<Places> {
  const { placesOfPositions, readTarget, selectGroups } = await import('../../offsets/index.ts')
  const { cluster, backupId } = context
  const { store, signal } = context.context
  const { openBackup } = await import('../../archive/index.ts')
  const fromBackup = options.positionsFrom === 'backup' && backupId !== undefined
  await using reader = fromBackup ? await openBackup(store, backupId, { signal }) : undefined
  const given = await readGiven(options, reader, undefined, context)
  const { groups, notices } = selectGroups(given.positions, options.groups)
  const names = await topicNames(options.topicRules, [])
  const same = options.positionsFrom === 'target'
  const targetTopic = same ? (topic: string) => topic : names.targetTopic
  const topics = groups.flatMap(({ positions }) => positions.map(({ topic }) => targetTopic(topic)))
  const groupNames = groups.map(({ group }) => group)
  const target = await readTarget(cluster, groupNames, [...new Set(topics)], { signal })
  return {
    places: placesOfPositions(groups, targetTopic, currentOf(target)),
    notices,
    target,
    origin: given.origin,
  }
}

/** All partitions that were named; the groups need not have positions there, nor exist. */
async function placesOfTopics(
  options: ResetOptions,
  texts: readonly string[],
  { cluster, context }: ResetContext,
): Promise<Places> {
  const { placesOfTopics, positionsOfCluster, readTarget, readTopicChoices } = await import(
    '../../offsets/index.ts'
  )
  const { signal, clock } = context
  const choices = readTopicChoices(texts)
  const found = await positionsOfCluster(cluster, options.groups, { now: clock.now(), signal })
  const groups = namedGroups(found, options.groups)
  const everyOne = choices.every(({ topic }) => topic.literal)
  const known = everyOne ? choices.map(({ topic }) => topic.text) : await topicNamesOf(cluster, texts)
  const names = groups.map(({ group }) => group)
  const target = await readTarget(cluster, names, [...new Set(known)], { signal })
  const places = placesOfTopics(groups, choices, target.logs, currentOf(target))
  return { places, notices: [], target, origin: { type: 'target', captured: found.taken } }
}

async function topicNamesOf(
  cluster: ResetContext['cluster'],
  texts: readonly string[],
): Promise<readonly string[]> {
  const { readTopicChoices } = await import('../../offsets/index.ts')
  const choices = readTopicChoices(texts)
  const all = (await cluster.topics()).filter(({ internal }) => !internal).map(({ name }) => name)
  const exact = choices.filter(({ topic }) => topic.literal).map(({ topic }) => topic.text)
  return [...all.filter((name) => choices.some(({ topic }) => topic.matches(name))), ...exact]
}

/** Groups named exactly, found or not, and those that a pattern finds. Throws GROUP_NOT_FOUND when there is none. */
function namedGroups(
  found: GivenPositions,
  selection: GroupSelection,
): readonly Pick<GivenGroup, 'group' | 'type'>[] {
  const exact =
    selection.type === 'all' ? [] : selection.names.filter((name) => parseNamePattern(name).literal)
  const types = new Map(found.groups.map(({ group, type }) => [group, type]))
  const unread = found.failed.map(({ group }) => group)
  const isNamed = selection.type === 'all' ? () => true : nameFilter(selection.names)
  const names = [...new Set([...exact, ...types.keys(), ...unread])].filter(isNamed)
  if (names.length > 0) return names.map((group) => ({ group, type: types.get(group) }))
  throw new TidemarkError('GROUP_NOT_FOUND', 'There is no consumer group that is meant', {
    hint: 'A group named exactly need not exist; patterns choose among those of the cluster.',
  })
}

function currentOf({ current }: TargetState): CurrentOf {
  const byGroup = new Map(
    current.done.map(({ group, positions }) => [
      group,
      new Map(
        positions
          .filter(({ offset }) => offset >= 0n)
          .map(({ topic, partition, offset, metadata }) => [`${topic}/${partition}`, { offset, metadata }]),
      ),
    ]),
  )
  return (group) => byGroup.get(group) ?? new Map()
}

async function wantedOf(
  options: ResetOptions,
  places: readonly TargetPlace[],
  { logs }: TargetState,
  { cluster, context }: ResetContext,
): Promise<readonly WantedPosition[]> {
  const offsets = await import('../../offsets/index.ts')
  switch (options.strategy) {
    case 'earliest':
    case 'latest':
      return offsets.wantedAtEdge(places, options.strategy, logs)
    case 'offset':
      return offsets.wantedAtOffset(places, offsets.byPlace(valuesOf(options.offset)))
    case 'shift':
      return offsets.wantedShifted(places, options.shift ?? 0n)
    default: {
      const ago = options.strategy === 'duration' ? (options.duration ?? 0) : undefined
      const at = ago === undefined ? options.timestamp : BigInt(context.clock.now() - ago)
      const times = offsets.byPlace(valuesOf(at))
      const asked = places.flatMap((place) => {
        const time = offsets.timeOfPlace(place, times)
        return time === undefined ? [] : [{ topic: place.topic, partition: place.partition, time }]
      })
      const { signal } = context
      const offsetFor = await offsets.offsetsForTimes(cluster, asked, logs, { signal })
      return offsets.wantedAtTime(places, times, offsetFor, logs)
    }
  }
}

/** One value is one for every place. */
function valuesOf<Value>(
  values: Value | Readonly<Record<string, Value>> | undefined,
): Readonly<Record<string, Value>> {
  if (values === undefined) return {}
  return typeof values === 'object' && values !== null
    ? (values as Readonly<Record<string, Value>>)
    : { '*': values }
}
