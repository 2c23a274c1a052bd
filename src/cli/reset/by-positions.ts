import type { BackupReader } from '../../archive/index.ts'
import type { GivenGroup, PlanNotice, TargetState, WantedPosition } from '../../offsets/index.ts'
import { checkSource, sourceFacts } from './backup-facts.ts'
import { readGiven } from './given.ts'
import type { Wanted } from './make-plan.ts'
import { type ChosenMaps, keptMaps, scannedMaps } from './maps.ts'
import type { ResetContext } from './reset-context.ts'
import { isTranslating, type ResetOptions } from './reset-options.ts'
import { type TopicNames, topicNames } from './topic-names.ts'

/** `header-based`, `from-mapping`, `positions`: given positions, translated or as they are. */
export async function byPositions(options: ResetOptions, context: ResetContext): Promise<Wanted> {
  const { backupId } = context
  const keep = async () =>
    isTranslating(options.strategy) ? await keptMaps(options.map, context) : undefined
  if (backupId === undefined) return await plan(options, undefined, await keep(), context)
  const { openBackup } = await import('../../archive/index.ts')
  const { store, signal } = context.context
  // A backup that is not there is not told as a restore that is not there.
  await (await openBackup(store, backupId, { signal }))[Symbol.asyncDispose]()
  const kept = await keep()
  const commit = kept?.commit
  await using reader = await openBackup(store, backupId, { signal, ...(commit !== undefined && { commit }) })
  checkSource(reader, backupId, options.map.sourceCluster)
  return await plan(options, reader, kept, context)
}

async function plan(
  options: ResetOptions,
  reader: BackupReader | undefined,
  kept: ChosenMaps | undefined,
  context: ResetContext,
): Promise<Wanted> {
  const { selectGroups, wantedAsGiven } = await import('../../offsets/index.ts')
  const given = await readGiven(options, reader, kept?.maps, context)
  const { groups, notices } = selectGroups(given.positions, options.groups)
  const known = [...new Set(groups.flatMap(({ positions }) => positions.map(({ topic }) => topic)))]
  const names = await topicNames(options.topicRules, known)
  const sameCluster = given.positions?.clusterId === context.cluster.clusterId
  if (isTranslating(options.strategy)) {
    const own = sameCluster || options.positionsFrom === 'target'
    const wanted = await translated(options, groups, own, names, reader, kept, context)
    return { ...wanted, notices: [...notices, ...wanted.notices], origin: given.origin }
  }
  const wanted = wantedAsGiven(groups, names.targetTopic, { sameCluster })
  const target = await targetOf(groups, topicsOf(wanted), context)
  return { wanted, notices, target, origin: given.origin }
}

/** `own`: the positions are those of a cluster that is the target, so that some may be translated already. */
async function translated(
  options: ResetOptions,
  groups: readonly GivenGroup[],
  own: boolean,
  names: TopicNames,
  reader: BackupReader | undefined,
  kept: ChosenMaps | undefined,
  context: ResetContext,
): Promise<Omit<Wanted, 'origin'>> {
  const { translateGroups } = await import('../../offsets/index.ts')
  const { source, kept: staying } = own
    ? await once(groups, names, context)
    : { source: groups, kept: [] as readonly WantedPosition[] }
  if (source.length === 0) {
    const target = await targetOf(groups, topicsOf(staying), context)
    return { wanted: staying, notices: [], target }
  }
  const cluster = options.map.sourceCluster ?? reader?.identity.sourceName ?? reader?.identity.sourceClusterId
  const chosen = kept ?? (await scannedMaps(options.map, cluster ?? '', source, names.targetTopic, context))
  const target = await targetOf(groups, [...chosen.maps.targetTopics, ...topicsOf(staying)], context)
  const facts = reader && (await sourceFacts(reader, chosen.maps))
  const { wanted, notices } = translateGroups(source, chosen.maps, {
    logs: target.logs,
    missing: options.missing,
    always: options.positionsFrom === 'target',
    ...facts,
  })
  return {
    wanted: besides(wanted, staying),
    notices: [...(own ? [takenAsSource] : []), ...chosen.notices, ...notices],
    target,
    map: chosen.name,
  }
}

const takenAsSource: PlanNotice = {
  code: 'taken-as-source',
  message:
    'Positions of the target that have not been translated yet are taken as those of the source: leave out groups that have read here',
}

/** Parts what has been translated before from what is still of the source. */
async function once(
  groups: readonly GivenGroup[],
  names: TopicNames,
  { cluster, context, snapshots }: ResetContext,
) {
  const { idsOf, pastSettings, translateOnce } = await import('../../offsets/index.ts')
  const { signal } = context
  const topics = [...new Set(groups.flatMap(({ positions }) => positions.map(({ topic }) => topic)))]
  const topicIds = idsOf(topics.length === 0 ? [] : await cluster.topics(topics, { signal }))
  const past = await pastSettings(snapshots, cluster.clusterId, { signal, topicIds })
  return translateOnce(groups, { past, renamed: names.renamed })
}

/** What is wanted, but where a position stays that is of the target already: then that one is right. */
function besides(
  wanted: readonly WantedPosition[],
  staying: readonly WantedPosition[],
): readonly WantedPosition[] {
  const keyOf = ({ group, topic, partition }: WantedPosition) => JSON.stringify([group, topic, partition])
  const taken = new Set(staying.map(keyOf))
  return [...wanted.filter((one) => !taken.has(keyOf(one))), ...staying]
}

async function targetOf(
  groups: readonly GivenGroup[],
  topics: readonly string[],
  { cluster, context }: ResetContext,
): Promise<TargetState> {
  const { readTarget } = await import('../../offsets/index.ts')
  const names = groups.map(({ group }) => group)
  return await readTarget(cluster, names, [...new Set(topics)], { signal: context.signal })
}

function topicsOf(wanted: readonly WantedPosition[]): readonly string[] {
  return wanted.map(({ topic }) => topic)
}
