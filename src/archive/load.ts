import { isTidemarkError, noTelemetry, type Telemetry, TidemarkError } from '../base/index.ts'
import { BackupState } from './backup-state.ts'
import { type CheckpointRoot, decodeRoot } from './checkpoint-root.ts'
import { decodeCommit } from './commit-json.ts'
import type { StoredCommit } from './commit-record.ts'
import { damaged } from './damaged.ts'
import { findIdentity } from './find-identity.ts'
import { findHead, listCheckpoints, readBeats } from './head.ts'
import { decodeIdentity } from './identity.ts'
import { keys } from './keys.ts'
import { notFound } from './list-backups.ts'
import type { BackupPlace } from './place.ts'

/** Commits read at the same time. */
const commitsAhead = 16

/** How a backup is loaded. */
export interface LoadOptions {
  readonly signal?: AbortSignal
  readonly telemetry?: Telemetry
  /** As of this commit instead of the newest. */
  readonly commit?: number
  /** Whether a checkpoint may be used. @default true */
  readonly checkpoints?: boolean
}

/**
 * Reads a backup: identity, head, the newest usable checkpoint and the commits after it. Rejects with BACKUP_NOT_FOUND,
 * ARCHIVE_DAMAGED and ARCHIVE_TOO_NEW. A checkpoint that cannot be used is passed over, since commits hold the same.
 */
export async function loadBackup(place: BackupPlace, options: LoadOptions = {}): Promise<BackupState> {
  const call = options.signal ? { signal: options.signal } : {}
  const bytes = await findIdentity(place, call)
  if (!bytes) throw await notFound(place.store, place.backupId, call)
  const identity = decodeIdentity(bytes, place.backupId)
  const beats = await readBeats(place, call)
  const remembered = Math.max(0, ...beats.map((beat) => beat.head))
  const head = await findHead(place, remembered, call)
  if (remembered > head) tellLost(remembered, head, options)
  const wanted = wantedCommit(place.backupId, head, options.commit)
  if (wanted === 0) return new BackupState(identity)
  const last = await readCommit(place, wanted, call)
  if (options.checkpoints !== false) {
    const known = options.commit === undefined ? beats.map((beat) => beat.checkpoint) : []
    const from = Math.min(wanted, Math.max(0, last.checkpoint, ...known))
    const root = await readRoot(place, from, last, options)
    const state = root && (await fromCheckpoint(place, new BackupState(identity), root, last, options))
    if (state) return state
  }
  const state = new BackupState(identity)
  await takeInUpTo(place, state, last, call)
  return state
}

/** Undefined when what follows does not fit the checkpoint: then the commits alone decide. */
async function fromCheckpoint(
  place: BackupPlace,
  state: BackupState,
  root: CheckpointRoot,
  last: StoredCommit,
  options: LoadOptions,
): Promise<BackupState | undefined> {
  state.rebase(root, root.commit === last.commit ? last : undefined)
  try {
    await takeInUpTo(place, state, last, options.signal ? { signal: options.signal } : {})
    return state
  } catch (error) {
    if (!isTidemarkError(error, 'ARCHIVE_DAMAGED')) throw error
    passOver(root.commit, error, options)
    return undefined
  }
}

function wantedCommit(backupId: string, head: number, asked: number | undefined): number {
  if (asked === undefined || (asked >= 0 && asked <= head)) return asked ?? head
  throw new TidemarkError('BACKUP_NOT_FOUND', `The backup ${backupId} has no commit ${asked}`, {
    hint: head === 0 ? 'It has no commits yet.' : `Its newest commit is ${head}.`,
  })
}

/** Reads a commit that must be there. Rejects with ARCHIVE_DAMAGED and ARCHIVE_TOO_NEW. */
export async function readCommit(
  place: BackupPlace,
  number: number,
  call: { readonly signal?: AbortSignal } = {},
): Promise<StoredCommit> {
  return decodeCommit(await place.get(keys.commit(number), call), number, place.backupId)
}

/** Takes in everything between what the state holds and `last`, reading ahead. */
async function takeInUpTo(
  place: BackupPlace,
  state: BackupState,
  last: StoredCommit,
  call: { readonly signal?: AbortSignal },
): Promise<void> {
  const coming: Promise<StoredCommit>[] = []
  let next = state.head + 1
  try {
    while (state.head < last.commit) {
      while (coming.length < commitsAhead && next <= last.commit) {
        const reading = next === last.commit ? Promise.resolve(last) : readCommit(place, next, call)
        // The first one that fails is the one that is told of.
        reading.catch(() => {})
        coming.push(reading)
        next++
      }
      const commit = await coming.shift()
      if (commit) state.takeIn(commit)
    }
  } finally {
    await Promise.allSettled(coming)
  }
}

/** The newest readable checkpoint from `from` on that is not newer than `last`; failing that, the newest older one. */
async function readRoot(
  place: BackupPlace,
  from: number,
  last: StoredCommit,
  options: LoadOptions,
): Promise<CheckpointRoot | undefined> {
  const call = options.signal ? { signal: options.signal } : {}
  const tried = new Set<number>()
  for (const start of from > 0 ? [from, 0] : [0]) {
    for (const number of await listCheckpoints(place, start, last.commit, call)) {
      if (tried.has(number)) continue
      tried.add(number)
      try {
        const root = decodeRoot(await place.get(keys.checkpointRoot(number), call), number, place.backupId)
        if (number !== last.commit || root.commitSha256 === last.sha256) return root
        throw damaged(keys.checkpointRoot(number), 'was made of another commit of that number')
      } catch (error) {
        if (!isTidemarkError(error, 'ARCHIVE_DAMAGED')) throw error
        passOver(number, error, options)
      }
    }
  }
  return undefined
}

/** A run says that it is done with a commit only when that is durable. What is left is a backup all the same. */
function tellLost(remembered: number, head: number, options: LoadOptions): void {
  const telemetry = options.telemetry ?? noTelemetry
  const end = head === 0 ? 'the backup is empty' : `the backup ends with commit ${head}`
  const message = `the newest commits are missing, up to ${keys.commit(remembered)}: ${end}`
  telemetry.log('warn', message, { object: keys.commit(remembered) })
}

function passOver(checkpoint: number, error: TidemarkError, options: LoadOptions): void {
  const telemetry = options.telemetry ?? noTelemetry
  telemetry.log('warn', `checkpoint ${checkpoint} is passed over: ${error.message}`, {
    object: error.details.object,
  })
}
