import { type BackupReader, openBackup } from '../../archive/index.ts'
import { TidemarkError } from '../../base/index.ts'
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
  readonly restoreId: string
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
  if (begun?.header.stage === 'done') await refuseIfGone(cluster, begun)
  const commit = begun?.header.commit
  const reader = opened.use(
    await openBackup(context.store, job.backupId, {
      signal,
      telemetry,
      ...(commit !== undefined && { commit }),
    }),
  )
  const { restoreId, journal } = begun
    ? { restoreId: begun.header.restoreId, journal: begun }
    : await nameRestore(job, reader.commit, stateStore, cluster)
  const disposables = opened.move()
  return {
    job,
    context,
    cluster,
    reader,
    stateStore,
    restoreId,
    journal,
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

/**
 * The id of a restore that is not under way, with the journal of one of that id that is done. Where the topics of one that is done
 * were deleted since, a restore without a given id begins anew; one with a given id rejects with TARGET_CHANGED.
 */
async function nameRestore(
  job: RestoreJob,
  commit: number,
  store: ObjectStore,
  cluster: Cluster,
): Promise<{ readonly restoreId: string; readonly journal: JournalContent | undefined }> {
  const derived = derivedRestoreId(job, commit, cluster.clusterId)
  for (let ordinal = 1; ; ordinal++) {
    const restoreId = job.restoreId ?? (ordinal === 1 ? derived : `${derived}-${ordinal}`)
    const journal = await readJournal(store, restorePrefix(job.backupId, restoreId))
    if (journal && job.restoreId !== undefined) await refuseIfGone(cluster, journal)
    if (!journal || (await goneTopic(cluster, journal)) === undefined) return { restoreId, journal }
  }
}

async function refuseIfGone(cluster: Cluster, journal: JournalContent): Promise<void> {
  const gone = await goneTopic(cluster, journal)
  if (gone === undefined) return
  const { restoreId } = journal.header
  throw new TidemarkError(
    'TARGET_CHANGED',
    `The restore ${restoreId} is done, and its topic ${gone} was deleted since`,
    {
      hint: 'Choose another restore_id to restore again.',
      details: { topic: gone },
    },
  )
}

/** A topic of a restore that is not on the target any more, or is another one of that name. */
async function goneTopic(cluster: Cluster, { header }: JournalContent): Promise<string | undefined> {
  const names = header.topics.map((topic) => topic.target)
  const there = new Map((await cluster.topics(names)).map((info) => [info.name, info]))
  return header.topics.find(({ target, id }) => {
    const info = there.get(target)
    return !info || (id !== undefined && info.id !== undefined && info.id !== id)
  })?.target
}

/** Where the state of restores lies: in a folder of its own, or in the archive. */
export async function openStateStore(
  folder: string | undefined,
  context: Pick<JobContext, 'store' | 'telemetry'>,
): Promise<ObjectStore> {
  if (folder === undefined) return context.store
  return await openStore({ backend: 'filesystem', path: folder }, { telemetry: context.telemetry })
}
