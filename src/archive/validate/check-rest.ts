import { hash } from 'node:crypto'
import { checkpointOf, commitOf, keys, parseDataKey } from '../keys.ts'
import { decodeBeat, type WriterBeat } from '../writer-entry.ts'
import type { CheckContext } from './check-commits.ts'

const digestLength = 32

/** Checks what runs say of themselves; answers what can be read. An entry that is gone meanwhile is no finding. */
export async function checkWriters({
  place,
  inventory,
  findings,
  call,
}: CheckContext): Promise<readonly WriterBeat[]> {
  const beats: WriterBeat[] = []
  for (const key of inventory.keys(keys.writers)) {
    await inventory.take(key, call)
    const bytes = await place.find(key, call)
    const beat = bytes && (await findings.attempt('changed', () => decodeBeat(bytes, key, place.backupId)))
    if (beat) beats.push(beat)
  }
  return beats
}

/** Checks the state of restores: each object ends with the SHA-256 of what comes before. */
export async function checkRestores({ place, inventory, findings, call }: CheckContext): Promise<void> {
  for (const key of inventory.keys(keys.restores)) {
    await inventory.take(key, call)
    const bytes = await place.find(key, call)
    if (!bytes) continue
    const end = bytes.length - digestLength
    if (end < 0 || hash('sha256', bytes.subarray(0, end)) !== bytes.toString('hex', end)) {
      findings.error('changed', key, `The object ${key} does not match its checksum`)
    }
  }
}

/** Names what nothing accounts for. */
export function reportRest({ inventory, findings }: CheckContext): void {
  for (const [key, size] of inventory.rest()) {
    const orphan =
      parseDataKey(key) !== undefined ||
      key.startsWith(keys.positionsFolder) ||
      key.startsWith(keys.checkpoints) ||
      commitOf(key) !== undefined ||
      checkpointOf(key) !== undefined
    const message = orphan
      ? `The object ${key} belongs to no commit: a run that did not end has left it`
      : `The object ${key} is none of the backup's`
    findings.extra(orphan ? 'orphan' : 'unknown', key, size, message)
  }
}
