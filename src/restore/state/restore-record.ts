import { isTidemarkError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { decodeState, encodeState } from './state-object.ts'

/** What a restore is, written once before anything else of it. */
export interface RestoreRecord {
  readonly restoreId: string
  readonly backupId: string
  readonly commit: number
  readonly targetClusterId: string
  /** Hash of the job, whatever the commit. */
  readonly jobHash: string
  /** Ms since the epoch. */
  readonly created: number
}

/** Key below which the state of a restore lies. */
export function restorePrefix(backupId: string, restoreId: string): string {
  return `${backupId}/restores/${restoreId}`
}

/** Writes the record unless there is one already. */
export async function writeRecord(store: ObjectStore, record: RestoreRecord): Promise<void> {
  const key = recordKey(record.backupId, record.restoreId)
  await store.put(key, encodeState({ header: record, blobs: [] }), { ifAbsent: true })
}

/** The record of a restore; undefined when there is none, or it cannot be read. */
export async function readRecord(
  store: ObjectStore,
  backupId: string,
  restoreId: string,
): Promise<RestoreRecord | undefined> {
  try {
    const bytes = await store.get(recordKey(backupId, restoreId))
    return decodeState(bytes)?.header as RestoreRecord | undefined
  } catch (error) {
    if (isTidemarkError(error, 'STORAGE_NOT_FOUND')) return undefined
    throw error
  }
}

/** All restores of a backup, the newest first. */
export async function listRecords(store: ObjectStore, backupId: string): Promise<readonly RestoreRecord[]> {
  const prefix = `${backupId}/restores/`
  const records: RestoreRecord[] = []
  for await (const { key } of store.list(prefix)) {
    const [restoreId, name, ...rest] = key.slice(prefix.length).split('/')
    if (restoreId === undefined || name !== RECORD || rest.length > 0) continue
    const record = await readRecord(store, backupId, restoreId)
    if (record) records.push(record)
  }
  return records.sort((a, b) => b.created - a.created)
}

const RECORD = 'restore.state'

function recordKey(backupId: string, restoreId: string): string {
  return `${restorePrefix(backupId, restoreId)}/${RECORD}`
}
