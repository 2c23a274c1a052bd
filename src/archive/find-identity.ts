import type { CallOptions } from '../storage/index.ts'
import { damaged } from './damaged.ts'
import { commitOf, keys } from './keys.ts'
import type { BackupPlace } from './place.ts'

/**
 * The identity's bytes, or undefined where there is no backup. Rejects with ARCHIVE_DAMAGED where there are commits: a backup
 * that has lost its identity is not none, and must not be begun anew.
 */
export async function findIdentity(
  place: BackupPlace,
  options: CallOptions = {},
): Promise<Buffer | undefined> {
  const bytes = await place.find(keys.identity, options)
  if (bytes || !(await hasCommits(place, options))) return bytes
  // It may have been made, and the first commit with it, since we looked.
  const made = await place.find(keys.identity, options)
  if (made) return made
  throw damaged(keys.identity, 'is missing, and commits of the backup are there')
}

async function hasCommits(place: BackupPlace, options: CallOptions): Promise<boolean> {
  for await (const { key } of place.list(keys.commits, options)) if (commitOf(key) !== undefined) return true
  return false
}
