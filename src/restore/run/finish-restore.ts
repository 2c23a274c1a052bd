import type { Clock, Telemetry } from '../../base/index.ts'
import { TidemarkError } from '../../base/index.ts'
import { type Cluster, type ClusterOptions, connectCluster } from '../../kafka/index.ts'
import type { JobContext } from '../../storage/index.ts'
import type { FinishReport, RestoreNotice } from '../job.ts'
import { JournalWriter, readJournal } from '../state/journal.ts'
import type { JournalTopic } from '../state/journal-types.ts'
import { Lock } from '../state/lock.ts'
import { restorePrefix } from '../state/restore-record.ts'
import { applySettings } from '../topics/settle-topics.ts'
import { openStateStore } from './environment.ts'
import { findRestore } from './find-restore.ts'
import { settingTexts } from './report.ts'

export interface FinishOptions {
  readonly backupId: string
  readonly target: ClusterOptions
  /** Undefined = the newest restore of the backup to this target. */
  readonly restoreId: string | undefined
  readonly stateFolder: string | undefined
}

/**
 * Puts the settings in force that a restore held back because they would delete what it restored, and those that a restore which
 * was given up has left relaxed. Rejects with RESTORE_NOT_FOUND, RESTORE_IN_USE, and RESTORE_MISMATCH for another cluster.
 */
export async function finishRestore(options: FinishOptions, context: JobContext): Promise<FinishReport> {
  const { signal, telemetry, clock } = context
  await using cluster = await connectCluster(options.target, { signal, telemetry })
  const stateStore = await openStateStore(options.stateFolder, context)
  const found = await findRestore(stateStore, options.backupId, {
    restoreId: options.restoreId,
    ...(options.restoreId === undefined && { targetClusterId: cluster.clusterId }),
  })
  const { restoreId } = found.header
  if (found.header.targetClusterId !== cluster.clusterId) {
    throw new TidemarkError(
      'RESTORE_MISMATCH',
      `The restore ${restoreId} went to the cluster ${found.header.targetClusterId}, and this is ${cluster.clusterId}`,
      { hint: 'Check the address.' },
    )
  }
  const prefix = restorePrefix(options.backupId, restoreId)
  await using lock = await Lock.take(prefix, { store: stateStore, clock, signal })
  const journal = (await readJournal(stateStore, prefix, signal)) ?? found
  const writer = await JournalWriter.open(stateStore, prefix, lock)
  const finishing = new Finishing({ cluster, clock, telemetry })
  const topics: JournalTopic[] = []
  for (const entry of journal.header.topics) topics.push(await finishing.topic(entry))
  await writer.save({ ...journal.header, topics, updated: clock.now() }, journal.blobs)
  return { restoreId, topics: finishing.done, notices: finishing.notices }
}

class Finishing {
  readonly done: { topic: string; configs: Record<string, string> }[] = []
  readonly notices: RestoreNotice[] = []
  readonly #cluster: Cluster

  constructor(context: { readonly cluster: Cluster; readonly clock: Clock; readonly telemetry: Telemetry }) {
    this.#cluster = context.cluster
  }

  /** Applies what waits for one topic; answers with its entry as it is then. */
  async topic(entry: JournalTopic): Promise<JournalTopic> {
    const topic = entry.target
    const waiting = entry.settled ? entry.waiting : entry.before
    if (!entry.settled) {
      const message = `${topic} was not restored completely: its settings are put back as they were`
      if (Object.keys(waiting).length > 0) this.notices.push({ code: 'unfinished', message, topic })
    }
    if (Object.keys(waiting).length === 0) return entry
    const [info] = await this.#cluster.topics([topic])
    if (!info || (entry.id !== undefined && info.id !== undefined && info.id !== entry.id)) {
      const message = `${topic} was deleted${info ? ' and created again' : ''} since it was restored: its settings are left alone`
      this.notices.push({ code: 'topic-gone', message, topic })
      return entry
    }
    const refused = (await applySettings(this.#cluster, new Map([[topic, waiting]]))).get(topic) ?? []
    this.notices.push(...refused)
    this.done.push({ topic, configs: settingTexts(waiting) })
    return refused.length > 0 ? entry : { ...entry, waiting: {}, waitingReason: '' }
  }
}
