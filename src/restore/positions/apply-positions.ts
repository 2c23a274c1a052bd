import type { BackupReader } from '../../archive/index.ts'
import { Budget, type Clock } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import {
  type ApplyReport,
  absenceFromIndex,
  applyPlan,
  type ExplainAbsence,
  type MapSet,
  type Plan,
  planFromBackup,
  readTarget,
  type SelectedGroups,
} from '../../offsets/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { RestoreJob } from '../job.ts'

/** Where snapshots of positions go, below the root of the state store. */
export const SNAPSHOT_PREFIX = 'offset-snapshots/'

/** Indexes read at the same time. */
const READS_AT_ONCE = 32

export interface PositionsContext {
  readonly job: RestoreJob
  readonly reader: BackupReader
  readonly cluster: Cluster
  readonly store: ObjectStore
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What was planned for the groups, and what became of it. */
export interface PositionsOutcome {
  readonly plan: Plan
  readonly applied: ApplyReport
}

/**
 * Puts the selected groups on the target where the backup saw them on the source, by the maps of the restore. A group that must
 * not be touched (it has members, or moves) is left alone and reported; the others go on. Doing it again is harmless.
 */
export async function applyPositions(
  selected: SelectedGroups,
  maps: MapSet,
  context: PositionsContext,
): Promise<PositionsOutcome> {
  const { job, reader, cluster, store, clock, signal } = context
  const capture = (await reader.positions()) ?? { taken: 0, groups: [], failed: [] }
  const groups = selected.groups.map(({ group }) => group)
  const target = await readTarget(cluster, groups, maps.targetTopics, { signal })
  const explanations = await absences(reader, maps, job)
  const plan = planFromBackup(capture, selected, maps, {
    clusterId: cluster.clusterId,
    created: clock.now(),
    current: target.current,
    logs: target.logs,
    // A log that has changed since moves a position to its near end: nothing that is there is skipped.
    outOfRange: 'clamp',
    backupId: job.backupId,
    sourcePartitions: (topic) => explanations.get(topic)?.partitions,
    explain: (topic, partition) => explanations.get(topic)?.explain(partition),
  })
  const applied = await applyPlan(plan, cluster, {
    signal,
    clock,
    onRefusal: 'go-on',
    snapshot: {
      store,
      prefix: SNAPSHOT_PREFIX,
      description: `Before the positions of restore ${maps.restoreId ?? ''}`.trim(),
    },
  })
  return { plan, applied }
}

interface TopicAbsences {
  readonly partitions: number | undefined
  readonly explain: (partition: number) => ExplainAbsence | undefined
}

/** Why source offsets are not in the copy, by topic: from what the archive says of each partition. */
async function absences(
  reader: BackupReader,
  maps: MapSet,
  job: RestoreJob,
): Promise<ReadonlyMap<string, TopicAbsences>> {
  const known = new Map<string, TopicAbsences>()
  const places = new Budget(READS_AT_ONCE)
  const read = async (topic: string) => {
    const index = await reader.topic(topic)
    const kept = new Map(
      [...index.partitions].map(([partition, { gaps, aborted }]) => [partition, { gaps, aborted }]),
    )
    known.set(topic, {
      partitions: index.description?.partitions,
      explain: (partition) => {
        const found = kept.get(partition)
        return found && absenceFromIndex(found, { windowed: job.window !== undefined })
      },
    })
  }
  await Promise.all(maps.sourceTopics.map((topic) => places.with(1, () => read(topic))))
  return known
}
