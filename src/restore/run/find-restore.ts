import { TidemarkError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { RestoreJob } from '../job.ts'
import { hashOf, jobShape } from '../plan/plan-hash.ts'
import { type JournalContent, readJournal } from '../state/journal.ts'
import type { JournalHeader } from '../state/journal-types.ts'
import { listRecords, readRecord, restorePrefix } from '../state/restore-record.ts'

/** Hash of all that shapes a job's stream, whatever the commit. */
export function jobHash(job: RestoreJob): string {
  return hashOf(jobShape(job))
}

/**
 * The journal that a job goes on with: that of the restore it names; else the newest unfinished one of the same job and
 * target; else undefined. Rejects with RESTORE_MISMATCH when the named restore belongs to another job or target.
 */
export async function findJournal(
  store: ObjectStore,
  job: RestoreJob,
  targetClusterId: string,
): Promise<JournalContent | undefined> {
  const hash = jobHash(job)
  if (job.restoreId !== undefined) {
    const journal = await readJournal(store, restorePrefix(job.backupId, job.restoreId))
    if (journal) checkSameJob(journal.header, job, targetClusterId)
    return journal
  }
  for (const record of await listRecords(store, job.backupId)) {
    if (record.jobHash !== hash || record.targetClusterId !== targetClusterId) continue
    const journal = await readJournal(store, restorePrefix(job.backupId, record.restoreId))
    if (journal && journal.header.stage !== 'done') return journal
  }
  return undefined
}

/** Throws RESTORE_MISMATCH unless the journal belongs to this job and target cluster. */
export function checkSameJob(header: JournalHeader, job: RestoreJob, targetClusterId: string): void {
  const mismatch = (what: string) =>
    new TidemarkError('RESTORE_MISMATCH', `The restore ${header.restoreId} ${what}`, {
      hint: 'Run it with the configuration that it was begun with, or choose another restore_id.',
    })
  if (header.targetClusterId !== targetClusterId) {
    throw mismatch(`was begun on the cluster ${header.targetClusterId}, and this is ${targetClusterId}`)
  }
  if (header.jobHash !== jobHash(job)) throw mismatch('was begun with other options')
}

/** A restore by its id, or the newest one that has come as far as a map. Rejects with RESTORE_NOT_FOUND. */
export async function findRestore(
  store: ObjectStore,
  backupId: string,
  wanted: { readonly restoreId?: string | undefined; readonly targetClusterId?: string | undefined },
): Promise<JournalContent> {
  const { restoreId, targetClusterId } = wanted
  const candidates =
    restoreId === undefined
      ? (await listRecords(store, backupId)).filter(
          (record) => targetClusterId === undefined || record.targetClusterId === targetClusterId,
        )
      : [await readRecord(store, backupId, restoreId)]
  for (const record of candidates) {
    if (!record) continue
    const journal = await readJournal(store, restorePrefix(backupId, record.restoreId))
    if (journal && (restoreId !== undefined || journal.header.stage !== 'prepared')) return journal
  }
  const which = restoreId === undefined ? 'any restore' : `a restore ${restoreId}`
  const where = targetClusterId === undefined ? '' : ` to the cluster ${targetClusterId}`
  throw new TidemarkError(
    'RESTORE_NOT_FOUND',
    `There is no journal of ${which}${where} beside the backup ${backupId}`,
    {
      hint: 'Restore first; where the journal lies in a state folder, name it.',
    },
  )
}
