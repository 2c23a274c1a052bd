import type { BackupReader } from '../../archive/index.ts'
import { Budget, TidemarkError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { RestoreJob } from '../job.ts'
import type { RestorePlan } from '../plan/plan-types.ts'
import { chunksInWindow } from '../plan/source-topics.ts'

/** Objects looked at at the same time. */
const AT_ONCE = 32

/** Looks at every object that the restore will read: it must be there, and long enough. Rejects with ARCHIVE_DAMAGED. */
export async function checkObjects(
  reader: BackupReader,
  store: ObjectStore,
  job: RestoreJob,
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  const needed = new Map<string, number>()
  for (const { topic, topicId, source } of plan.topics.flatMap((t) =>
    t.lanes.flatMap((lane) => lane.inputs),
  )) {
    const index = (await reader.topic(topic, topicId)).partitions.get(source.partition)
    for (const { chunk } of chunksInWindow(index?.chunks ?? [], job.window)) {
      const end = chunk.position + chunk.storedLength
      needed.set(chunk.object, Math.max(needed.get(chunk.object) ?? 0, end))
    }
  }
  const places = new Budget(AT_ONCE)
  await Promise.all(
    [...needed].map(([object, size]) =>
      places.with(1, () => checkObject(store, job, object, size, signal), signal),
    ),
  )
}

async function checkObject(
  store: ObjectStore,
  job: RestoreJob,
  object: string,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const info = await store.head(`${job.backupId}/${object}`, { signal })
  if (info && info.size >= size) return
  const what = info ? `has ${info.size} bytes, and ${size} are needed` : 'is missing'
  throw new TidemarkError('ARCHIVE_DAMAGED', `The object ${object} of backup ${job.backupId} ${what}`, {
    hint: 'Run kafka-backup validate --deep to see what else is damaged.',
    details: { object },
  })
}
