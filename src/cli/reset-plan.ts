import type { BackupReader } from '../archive/index.ts'
import { TidemarkError } from '../base/index.ts'
import type { Cluster } from '../kafka/index.ts'
import type {
  ExplainAbsence,
  GroupSelection,
  MapSet,
  MissingPolicy,
  Plan,
  RangePolicy,
} from '../offsets/index.ts'
import type { JobContext } from '../storage/index.ts'
import { mapsOfRestore } from './restore-maps.ts'
import { readMappingFile } from './text-file.ts'

export interface ResetOptions {
  readonly backupId: string
  readonly groups: GroupSelection
  /** Undefined = the newest restore to the cluster. */
  readonly restoreId: string | undefined
  /** Offset map to use instead of that of a restore. */
  readonly mappingFile: string | undefined
  /** Topic of the cluster with the map of a replication, to use instead. */
  readonly mappingTopic: string | undefined
  readonly stateFolder: string | undefined
  /** Name or id that the source of the backup must have. */
  readonly sourceCluster: string | undefined
  readonly missing: MissingPolicy
  readonly outOfRange: RangePolicy
}

/**
 * Plans to put groups on the cluster where they stood when the restored commit was made: captured positions, translated by the
 * map. Changes nothing. Rejects with BACKUP_NOT_FOUND, GROUP_NOT_FOUND, RESTORE_NOT_FOUND, SOURCE_MISMATCH.
 */
export async function makeResetPlan(
  options: ResetOptions,
  context: JobContext,
  cluster: Cluster,
): Promise<Plan> {
  const { openBackup } = await import('../archive/index.ts')
  const { planFromBackup, readTarget, selectGroups } = await import('../offsets/index.ts')
  const { signal, store, clock } = context
  // A backup that is not there is not told as a restore that is not there.
  await (await openBackup(store, options.backupId, { signal }))[Symbol.asyncDispose]()
  const { maps, commit } =
    options.mappingTopic === undefined
      ? await mapsFor(options, context, cluster)
      : { maps: await publishedMaps(options.mappingTopic, options, context, cluster), commit: undefined }
  await using reader = await openBackup(store, options.backupId, {
    signal,
    ...(commit !== undefined && { commit }),
  })
  checkSource(reader, options)
  const capture = await reader.positions()
  const selected = selectGroups(capture, options.groups)
  const names = selected.groups.map(({ group }) => group)
  const target = await readTarget(cluster, names, maps.targetTopics, { signal })
  const known = await sourceFacts(reader, maps)
  return planFromBackup(capture ?? { taken: 0, groups: [], failed: [] }, selected, maps, {
    clusterId: cluster.clusterId,
    created: clock.now(),
    current: target.current,
    logs: target.logs,
    backupId: options.backupId,
    missing: options.missing,
    outOfRange: options.outOfRange,
    sourcePartitions: (topic) => known.get(topic)?.partitions,
    explain: (topic, partition) => known.get(topic)?.explain.get(partition),
  })
}

/** The map, and the commit whose captured positions belong to it. */
async function mapsFor(
  options: ResetOptions,
  context: JobContext,
  cluster: Cluster,
): Promise<{ readonly maps: MapSet; readonly commit: number | undefined }> {
  if (options.mappingFile === undefined) {
    const { maps, commit } = await mapsOfRestore(context, options.backupId, {
      ...(options.restoreId !== undefined && { restoreId: options.restoreId }),
      targetClusterId: cluster.clusterId,
      stateFolder: options.stateFolder,
    })
    checkTarget(maps, cluster)
    return { maps, commit }
  }
  const maps = await readMappingFile(options.mappingFile)
  checkTarget(maps, cluster)
  if (maps.backupId !== undefined && maps.backupId !== options.backupId) {
    throw new TidemarkError(
      'SOURCE_MISMATCH',
      `The offset map ${options.mappingFile} is of the backup ${maps.backupId}, not of ${options.backupId}`,
      { hint: 'Name the backup that was restored with --backup-id.' },
    )
  }
  return { maps, commit: undefined }
}

/** The map of a replication from the cluster of the backup. */
async function publishedMaps(
  topic: string,
  { backupId }: ResetOptions,
  { store, signal }: JobContext,
  cluster: Cluster,
): Promise<MapSet> {
  const { openBackup } = await import('../archive/index.ts')
  const { loadMapTable } = await import('../replicate/index.ts')
  await using reader = await openBackup(store, backupId, { signal })
  const source = reader.identity.sourceClusterId
  const table = await loadMapTable(cluster, { map: topic, control: undefined }, signal)
  const { clusterId: targetClusterId } = cluster
  if (table.clusters.includes(source)) {
    const { MapSet } = await import('../offsets/index.ts')
    const set = table.set({ cluster: source, targetClusterId })
    const held = new Set((await reader.summary()).topics.map(({ topic }) => topic))
    // The replication may copy more than the backup holds.
    return new MapSet(
      set,
      set.maps.filter(({ sourceTopic }) => held.has(sourceTopic)),
    )
  }
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The topic ${topic} has no map of the cluster ${source}, of which the backup ${backupId} is`,
    {
      hint: 'Check --mapping-topic and --bootstrap-servers, and that the replication publishes its offset map.',
    },
  )
}

function checkTarget(maps: MapSet, cluster: Cluster): void {
  if (maps.targetClusterId === undefined || maps.targetClusterId === cluster.clusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The offset map is of a restore to the cluster ${maps.targetClusterId}, and this is ${cluster.clusterId}`,
    { hint: 'Check --bootstrap-servers, or name another restore with --restore-id.' },
  )
}

function checkSource(reader: BackupReader, { sourceCluster, backupId }: ResetOptions): void {
  const { sourceClusterId, sourceName } = reader.identity
  if (sourceCluster === undefined || sourceCluster === sourceClusterId || sourceCluster === sourceName) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The backup ${backupId} is of the cluster ${sourceName ?? sourceClusterId}, not of ${sourceCluster}`,
    { hint: 'Correct the name of the source cluster, or leave it out.' },
  )
}

interface SourceFacts {
  readonly partitions: number | undefined
  readonly explain: ReadonlyMap<number, ExplainAbsence>
}

/** Why source offsets are not in the copy, and how many partitions the source had, by topic. */
async function sourceFacts(reader: BackupReader, maps: MapSet): Promise<ReadonlyMap<string, SourceFacts>> {
  const { absenceFromIndex } = await import('../offsets/index.ts')
  const facts = new Map<string, SourceFacts>()
  for (const topic of maps.sourceTopics) {
    const index = await reader.topic(topic)
    facts.set(topic, {
      partitions: index.description?.partitions,
      explain: new Map([...index.partitions].map(([partition, kept]) => [partition, absenceFromIndex(kept)])),
    })
  }
  return facts
}
