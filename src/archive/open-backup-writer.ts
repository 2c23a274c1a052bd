import { type Clock, isTidemarkError, type Telemetry, TidemarkError } from '../base/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { BackupState } from './backup-state.ts'
import { RunWriter } from './backup-writer.ts'
import type { BackupWriter, DescribedTopic, WriterOptions } from './contract.ts'
import { findIdentity } from './find-identity.ts'
import { decodeIdentity, encodeIdentity, type StoredIdentity } from './identity.ts'
import { keys } from './keys.ts'
import { type LoadOptions, loadBackup, readCommit } from './load.ts'
import { checkId, newRunId, newToken } from './names.ts'
import { BackupPlace } from './place.ts'
import { Presence } from './presence.ts'
import { formatVersion } from './sealed-json.ts'
import { newestTopics, readHistory } from './topic-history.ts'
import { software, thisWriter } from './writer-entry.ts'

/** How a backup is opened for writing. */
export interface OpenWriterOptions extends WriterOptions {
  /** Kafka's cluster id of the source. A backup has one source for life. */
  readonly sourceClusterId: string
  /** What the user calls the source. */
  readonly sourceName?: string
}

/** What a writer is handed. */
export interface WriterContext {
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** Ends the opening. A writer that is open is ended by disposing it, so that what was received can still be committed. */
  readonly signal: AbortSignal
}

/**
 * Opens a backup for one run, making it if there is none. Rejects with BACKUP_IN_USE when another run is writing it,
 * SOURCE_MISMATCH when it was made from another cluster, STORAGE_UNSUPPORTED when the store has no conditional put,
 * ARCHIVE_DAMAGED, ARCHIVE_TOO_NEW, and CONFIG_INVALID for an id that cannot be one.
 */
export async function openBackupWriter(
  store: ObjectStore,
  backupId: string,
  options: OpenWriterOptions,
  context: WriterContext,
): Promise<BackupWriter> {
  checkId('backup', backupId)
  const { clock, signal, telemetry } = context
  const place = new BackupPlace(store, backupId)
  const { identity } = await makeIdentity(place, options, context)
  if (identity.sourceClusterId !== options.sourceClusterId)
    throw mismatch(identity.sourceClusterId, backupId, options)
  const writer = thisWriter(newRunId(clock.now()), clock.now())
  let state: BackupState | undefined
  const standing = () => ({ head: state?.head ?? 0, checkpoint: state?.checkpoint ?? 0 })
  const presence = new Presence(place, writer, standing, context)
  try {
    await presence.announce()
    let history: readonly DescribedTopic[]
    ;({ state, history } = await loadWithHistory(place, { signal, telemetry }))
    await presence.enter()
    history = [...history, ...(await catchUp(place, state, signal))]
    const topics = newestTopics(history)
    return new RunWriter({ place, writer, state, presence, topics, options, clock, telemetry })
  } catch (error) {
    await presence[Symbol.asyncDispose]()
    throw error
  }
}

async function makeIdentity(
  place: BackupPlace,
  options: OpenWriterOptions,
  { clock, signal }: WriterContext,
): Promise<StoredIdentity> {
  const there = await findIdentity(place, { signal })
  if (there) return decodeIdentity(there, place.backupId)
  const bytes = encodeIdentity(
    {
      formatVersion,
      backupId: place.backupId,
      sourceClusterId: options.sourceClusterId,
      sourceName: options.sourceName,
      created: clock.now(),
      software: software(),
    },
    newToken(),
  )
  const made = await place.put(keys.identity, bytes, { ifAbsent: true, signal })
  return decodeIdentity(made ? bytes : await place.get(keys.identity, { signal }), place.backupId)
}

function mismatch(clusterId: string, backupId: string, options: OpenWriterOptions): TidemarkError {
  return new TidemarkError(
    'SOURCE_MISMATCH',
    `The backup ${backupId} was made from the cluster ${clusterId}, the source is ${options.sourceClusterId}`,
    { hint: 'Give a backup of another cluster an id of its own.' },
  )
}

/** A checkpoint of which the blocks are damaged is passed over, since commits hold the same. */
async function loadWithHistory(
  place: BackupPlace,
  options: LoadOptions,
): Promise<{ readonly state: BackupState; readonly history: readonly DescribedTopic[] }> {
  const state = await loadBackup(place, options)
  try {
    return { state, history: await readHistory(place, state, options) }
  } catch (error) {
    if (!isTidemarkError(error, 'ARCHIVE_DAMAGED') || !state.root) throw error
    options.telemetry?.log('warn', `the checkpoint is passed over: ${error.message}`)
    const plain = await loadBackup(place, { ...options, checkpoints: false })
    return { state: plain, history: await readHistory(place, plain, options) }
  }
}

/** Takes in what another run has committed since the state was read; answers the descriptions that came with it. */
async function catchUp(
  place: BackupPlace,
  state: BackupState,
  signal: AbortSignal,
): Promise<readonly DescribedTopic[]> {
  const known = state.described.length
  while (await place.exists(keys.commit(state.head + 1), { signal })) {
    state.takeIn(await readCommit(place, state.head + 1, { signal }))
  }
  return state.described.slice(known)
}
