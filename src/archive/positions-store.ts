import { hash } from 'node:crypto'
import { compress, expandFrame } from './chunk-codec.ts'
import type { PositionsRef } from './commit-record.ts'
import { damaged } from './damaged.ts'
import type { PositionCapture } from './model.ts'
import type { BackupPlace } from './place.ts'
import { decodePositions, encodePositions } from './positions-json.ts'

/** No capture is larger than this when uncompressed. */
const largest = 2 ** 31

/**
 * Makes a capture durable and answers the reference for the commit. When the groups are as in the newest capture, that one's
 * object is named again.
 */
export async function storePositions(
  place: BackupPlace,
  capture: PositionCapture,
  newest: PositionsRef | undefined,
  nextKey: () => string,
): Promise<PositionsRef> {
  const bytes = compress('zstd', encodePositions(capture, place.backupId), undefined)
  const sha256 = hash('sha256', bytes)
  const about = { taken: capture.taken, groups: capture.groups.length, failed: capture.failed.length }
  if (newest?.sha256 === sha256) return { ...newest, ...about }
  const key = nextKey()
  await place.put(key, bytes)
  return { key, size: bytes.length, sha256, ...about }
}

/** Reads a capture that a commit names. Rejects with ARCHIVE_DAMAGED and ARCHIVE_TOO_NEW. */
export async function loadPositions(
  place: BackupPlace,
  ref: PositionsRef,
  call: { readonly signal?: AbortSignal } = {},
): Promise<PositionCapture> {
  const stored = await place.get(ref.key, call)
  if (stored.length !== ref.size || hash('sha256', stored) !== ref.sha256) {
    throw damaged(ref.key, 'is not what its commit says')
  }
  return decodePositions(await unpack(stored, ref.key), ref.key, place.backupId, ref.taken)
}

async function unpack(stored: Buffer, key: string): Promise<Buffer> {
  try {
    return await expandFrame(stored, largest)
  } catch (cause) {
    throw damaged(key, 'cannot be decompressed', {}, cause)
  }
}
