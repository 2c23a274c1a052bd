import { isTidemarkError } from '../base/index.ts'
import { checkpointOf, commitOf, keys } from './keys.ts'
import type { BackupPlace } from './place.ts'
import { decodeBeat, type WriterBeat } from './writer-entry.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** What runs have said of themselves. Entries that cannot be read are left out: they are advice. */
export async function readBeats(place: BackupPlace, options: Options = {}): Promise<readonly WriterBeat[]> {
  const beats: WriterBeat[] = []
  for await (const { key } of place.list(keys.writers, options)) {
    try {
      const bytes = await place.find(key, options)
      if (bytes) beats.push(decodeBeat(bytes, key, place.backupId))
    } catch (error) {
      if (!isTidemarkError(error, 'ARCHIVE_DAMAGED') && !isTidemarkError(error, 'ARCHIVE_TOO_NEW'))
        throw error
    }
  }
  return beats
}

/**
 * Number of the newest commit, 0 for none: listed from a commit that is known to exist on, then probed upwards, since a
 * listing may be older than the moment.
 */
export async function findHead(place: BackupPlace, hint: number, options: Options = {}): Promise<number> {
  let head = hint > 1 ? await newestListed(place, hint - 1, options) : 0
  if (head === 0) head = await newestListed(place, 0, options)
  while (await place.exists(keys.commit(head + 1), options)) head++
  return head
}

async function newestListed(place: BackupPlace, after: number, options: Options): Promise<number> {
  let newest = 0
  const startAfter = after > 0 ? { startAfter: keys.commit(after) } : {}
  for await (const { key } of place.list(keys.commits, { ...options, ...startAfter })) {
    newest = Math.max(newest, commitOf(key) ?? 0)
  }
  return newest
}

/** Numbers of the checkpoints from `from` up to `most`, newest first. */
export async function listCheckpoints(
  place: BackupPlace,
  from: number,
  most: number,
  options: Options = {},
): Promise<readonly number[]> {
  const found: number[] = []
  const startAfter = from > 1 ? { startAfter: keys.checkpointRoot(from - 1) } : {}
  for await (const { key } of place.list(keys.checkpoints, { ...options, ...startAfter })) {
    const number = checkpointOf(key)
    if (number !== undefined && number <= most) found.push(number)
  }
  return found.reverse()
}
