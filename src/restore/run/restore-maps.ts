import { decodePartitionMap, MapSet } from '../../offsets/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { Stage } from '../state/journal-types.ts'
import { findRestore } from './find-restore.ts'

/** The maps of a restore, and how far it came. */
export interface RestoreMaps {
  readonly restoreId: string
  readonly commit: number
  readonly stage: Stage
  /** Of target topics that were copied whole. */
  readonly maps: MapSet
  /** Target topics that were not. */
  readonly unfinished: readonly string[]
}

/**
 * The maps of a restore: of the one named, else of the newest to that cluster, else of the newest. Rejects with
 * RESTORE_NOT_FOUND. `store` is that of the archive, or of the state folder.
 */
export async function loadRestoreMaps(
  store: ObjectStore,
  backupId: string,
  wanted: { readonly restoreId?: string; readonly targetClusterId?: string } = {},
): Promise<RestoreMaps> {
  const { header, blobs } = await findRestore(store, backupId, wanted)
  const lanes = Map.groupBy(header.lanes, (lane) => lane.key.slice(0, lane.key.lastIndexOf('/')))
  const whole = new Set(
    header.topics
      .filter((topic) => !topic.failure && (lanes.get(topic.target) ?? []).every((lane) => lane.done))
      .filter((topic) => lanes.has(topic.target))
      .map((topic) => topic.target),
  )
  const maps = [...lanes]
    .filter(([target]) => whole.has(target))
    .flatMap(([, own]) => own.flatMap((lane) => lane.maps.map(({ blob }) => blob)))
    .map((blob) =>
      decodePartitionMap(blobs[blob] ?? Buffer.alloc(0), `map of the restore ${header.restoreId}`),
    )
  return {
    restoreId: header.restoreId,
    commit: header.commit,
    stage: header.stage,
    maps: new MapSet(
      {
        sourceCluster: header.sourceName,
        sourceClusterId: header.sourceClusterId,
        targetClusterId: header.targetClusterId,
        backupId: header.backupId,
        restoreId: header.restoreId,
        created: header.created,
        targetTopicIds: new Map(
          header.topics.flatMap(({ target, id }) => (id === undefined ? [] : [[target, id] as const])),
        ),
      },
      maps,
    ),
    unfinished: header.topics.map((topic) => topic.target).filter((target) => !whole.has(target)),
  }
}
