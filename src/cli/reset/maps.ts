import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { GivenGroup, MapSet, PlanNotice } from '../../offsets/index.ts'
import { mapsOfRestore } from '../restore-maps.ts'
import { readMappingFile } from '../text-file.ts'
import type { ResetContext } from './reset-context.ts'
import type { MapOptions } from './reset-options.ts'

/** A map to translate by. */
export interface ChosenMaps {
  readonly maps: MapSet
  /** In words, for the plan. */
  readonly name: string
  /** The commit of the backup that was restored, whose positions belong to the map; undefined = not known. */
  readonly commit: number | undefined
  readonly notices: readonly PlanNotice[]
}

/** The map of a restore, or of a file. Rejects with RESTORE_NOT_FOUND, SOURCE_MISMATCH, TARGET_CHANGED, FILE_NOT_READABLE. */
export async function keptMaps(
  options: MapOptions,
  { context, backupId, cluster }: ResetContext,
): Promise<ChosenMaps | undefined> {
  if (options.from === 'headers') return undefined
  if (options.topic !== undefined)
    return await publishedMaps(options.topic, options.sourceCluster, context, backupId, cluster)
  if (options.file !== undefined) {
    const maps = await readMappingFile(options.file)
    checkTarget(maps, cluster)
    await checkTopics(maps, cluster, context.signal)
    if (backupId === undefined) checkSourceName(maps, options.file, options.sourceCluster)
    else checkBackup(maps, options.file, backupId)
    return { maps, name: `the file ${options.file}`, commit: undefined, notices: [] }
  }
  if (backupId === undefined) throw new RangeError('a restore whose map is used has a backup')
  const { maps, commit } = await mapsOfRestore(context, backupId, {
    ...(options.restoreId !== undefined && { restoreId: options.restoreId }),
    targetClusterId: cluster.clusterId,
    stateFolder: options.stateFolder,
  })
  checkTarget(maps, cluster)
  await checkTopics(maps, cluster, context.signal)
  return { maps, name: `the restore ${maps.restoreId}`, commit, notices: [] }
}

/** The map that a replication publishes on the target: of the cluster of the backup, or that was named, or the only one. */
async function publishedMaps(
  topic: string,
  sourceCluster: string | undefined,
  { store, signal }: ResetContext['context'],
  backupId: string | undefined,
  cluster: Cluster,
): Promise<ChosenMaps> {
  const { openBackup } = await import('../../archive/index.ts')
  const { loadMapTable } = await import('../../replicate/index.ts')
  const table = await loadMapTable(cluster, { map: topic, control: undefined }, signal)
  await using reader = backupId === undefined ? undefined : await openBackup(store, backupId, { signal })
  const { clusters } = table
  const wanted = reader?.identity.sourceClusterId ?? sourceCluster
  const source = wanted ?? (clusters.length === 1 ? clusters[0] : undefined)
  if (source === undefined || !clusters.includes(source)) {
    const of = source === undefined ? 'several clusters or of none' : `other clusters than ${source}`
    throw new TidemarkError(
      'SOURCE_MISMATCH',
      `The topic ${topic} has maps of ${of}: ${clusters.join(', ')}`,
      {
        hint: 'Name the source by its cluster id with --source-cluster, and check --mapping-topic.',
      },
    )
  }
  const maps = table.set({ cluster: source, targetClusterId: cluster.clusterId })
  return { maps, name: `the mapping topic ${topic}`, commit: undefined, notices: [] }
}

/**
 * The map that the headers of live topics tell: of the topics in which groups have positions, under their names on the target. Topics
 * that hold nothing of the source are left out with a notice. Rejects with HEADERS_NOT_FOUND and what else a scan rejects with.
 */
export async function scannedMaps(
  options: MapOptions,
  sourceCluster: string,
  groups: readonly GivenGroup[],
  targetTopic: (topic: string) => string,
  { context, cluster }: ResetContext,
): Promise<ChosenMaps> {
  const { scanHeaders } = await import('../../offsets/index.ts')
  const { signal, progress, clock } = context
  const sources = [...new Set(groups.flatMap(({ positions }) => positions.map(({ topic }) => topic)))]
  const topics = sources.map((source) => ({ source, target: targetTopic(source), optional: true }))
  checkApart(topics)
  const there = new Set(
    (
      await cluster.topics(
        topics.map(({ target }) => target),
        { signal },
      )
    ).map(({ name }) => name),
  )
  const present = topics.filter(({ target }) => there.has(target))
  if (present.length === 0) {
    const names = topics.map(({ target }) => target).join(', ')
    throw new TidemarkError(
      'TOPIC_NOT_FOUND',
      `The target has none of the topics in which the groups have positions: ${names}`,
      {
        hint: 'Restore them first; a topic that has another name on the target needs --topic-mapping.',
      },
    )
  }
  const { maps, notices } = await scanHeaders(cluster, {
    topics: present,
    sourceCluster,
    scanAllPartitions: options.scanAllPartitions,
    parallel: options.parallel,
    sampleRate: options.sampleRate,
    timeoutMs: options.timeoutMs,
    signal,
    progress,
    now: clock.now(),
  })
  return {
    maps,
    name: `the headers of records of ${sourceCluster}`,
    commit: undefined,
    notices: notices.map(({ message, topic, partition }) => ({
      code: 'header-scan',
      message,
      topic,
      ...(partition !== undefined && { partition }),
    })),
  }
}

/** Headers do not say from which topic a record came. */
function checkApart(topics: readonly { readonly source: string; readonly target: string }[]): void {
  const seen = new Map<string, string>()
  for (const { source, target } of topics) {
    const other = seen.get(target)
    if (other !== undefined) {
      throw new TidemarkError(
        'CONFIG_INVALID',
        `${other} and ${source} are both in the topic ${target}: headers do not say from which of them a record came`,
        { hint: 'Use the map that is kept with the restore: --path and --backup-id.' },
      )
    }
    seen.set(target, source)
  }
}

function checkTarget(maps: MapSet, cluster: Cluster): void {
  if (maps.targetClusterId === undefined || maps.targetClusterId === cluster.clusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The offset map is of a restore to the cluster ${maps.targetClusterId}, and this is ${cluster.clusterId}`,
    { hint: 'Check --bootstrap-servers, or name another restore with --restore-id.' },
  )
}

/** A topic that was created again since holds other records at the same offsets. */
async function checkTopics(maps: MapSet, cluster: Cluster, signal: AbortSignal): Promise<void> {
  const { targetTopicIds: ids = new Map<string, string>() } = maps
  const names = maps.targetTopics.filter((topic) => ids.has(topic))
  const there = names.length === 0 ? [] : await cluster.topics(names, { signal })
  const other = there
    .filter(({ name, id }) => id !== undefined && id !== ids.get(name))
    .map(({ name }) => name)
  const [first, ...more] = other
  if (first === undefined) return
  throw new TidemarkError(
    'TARGET_CHANGED',
    `The topic ${first} was deleted and created again since the offset map was made: its records are others${more.length === 0 ? '' : `; so were ${more.join(', ')}`}`,
    {
      hint: 'Use the map of the restore into the new topic (--restore-id), or read it from its headers (--map-from headers).',
      details: { topic: first },
    },
  )
}

function checkBackup(maps: MapSet, file: string, backupId: string): void {
  if (maps.backupId === undefined || maps.backupId === backupId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The offset map ${file} is of the backup ${maps.backupId}, not of ${backupId}`,
    { hint: 'Name the backup that was restored with --backup-id.' },
  )
}

function checkSourceName(maps: MapSet, file: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === maps.sourceCluster || wanted === maps.sourceClusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The offset map ${file} is of the cluster ${maps.sourceCluster}, not of ${wanted}`,
    { hint: 'Correct the name of the source cluster, or leave it out.' },
  )
}
