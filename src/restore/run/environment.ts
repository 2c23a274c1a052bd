import { type BackupReader, openBackup } from '../../archive/index.ts'
import { type Cluster, connectCluster } from '../../kafka/index.ts'
import { type JobContext, type ObjectStore, openStore } from '../../storage/index.ts'
import type { RestoreJob } from '../job.ts'
import { derivedRestoreId } from '../plan/plan-hash.ts'
import { type JournalContent, readJournal } from '../state/journal.ts'
import { restorePrefix } from '../state/restore-record.ts'
import { findJournal } from './find-restore.ts'

/** What a restore works with: target, archive, and where its state lies. */
export interface Environment extends AsyncDisposable {
  readonly job: RestoreJob
  readonly context: JobContext
  readonly cluster: Cluster
  readonly reader: BackupReader
  /** The archive's own store, or the state folder. */
  readonly stateStore: ObjectStore
  /** An unfinished restore of the job, or the named one, or one of just this job and commit that is done. */
  readonly journal: JournalContent | undefined
}

/** Opens everything. The backup is opened at the commit that an unfinished restore was begun with. */
export async function openEnvironment(job: RestoreJob, context: JobContext): Promise<Environment> {
  await using opened = new AsyncDisposableStack()
  const { signal, telemetry } = context
  // Once there, the connection outlives an interruption: what is under way is settled first.
  const life = new AbortController()
  const stop = () => life.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const cluster = opened.use(await connectCluster(job.target, { telemetry, signal: life.signal }))
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  const stateStore = await openStateStore(job.stateFolder, context)
  if (stateStore !== context.store) opened.use(stateStore)
  const begun = await findJournal(stateStore, job, cluster.clusterId)
  const commit = begun?.header.commit
  const reader = opened.use(
    await openBackup(context.store, job.backupId, {
      signal,
      telemetry,
      ...(commit !== undefined && { commit }),
    }),
  )
  const derived = derivedRestoreId(job, reader.commit, cluster.clusterId)
  const journal =
    begun ?? (await readJournal(stateStore, restorePrefix(job.backupId, job.restoreId ?? derived)))
  const disposables = opened.move()
  return {
    job,
    context,
    cluster,
    reader,
    stateStore,
    journal,
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

/** Where the state of restores lies: in a folder of its own, or in the archive. */
export async function openStateStore(
  folder: string | undefined,
  context: Pick<JobContext, 'store' | 'telemetry'>,
): Promise<ObjectStore> {
  if (folder === undefined) return context.store
  return await openStore({ backend: 'filesystem', path: folder }, { telemetry: context.telemetry })
}
