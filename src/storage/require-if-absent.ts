import { randomUUID } from 'node:crypto'
import { TidemarkError } from '../base/index.ts'
import type { CallOptions, ObjectStore } from './store.ts'

/**
 * Makes sure that the store really makes objects only if absent, before anything rests on it: some servers take the
 * condition and ignore it, and two writers would then overwrite each other's commits. Writes and removes a small object
 * below `prefix` (empty, or ending in a slash). Rejects with STORAGE_UNSUPPORTED.
 */
export async function requireIfAbsent(
  store: ObjectStore,
  prefix: string,
  options: CallOptions = {},
): Promise<void> {
  const key = `${prefix}if-absent-${randomUUID()}`
  const first = Buffer.from(randomUUID())
  try {
    const made = await store.put(key, first, { ...options, ifAbsent: true })
    const again = await store.put(key, Buffer.from(randomUUID()), { ...options, ifAbsent: true })
    const there = await store.get(key, options)
    if (made && !again && there.equals(first)) return
  } finally {
    await store.delete([key]).catch(() => undefined)
  }
  throw new TidemarkError('STORAGE_UNSUPPORTED', `${store.url} does not keep two writers apart`, {
    hint: 'The server ignores "If-None-Match: *": use one that supports conditional writes, or a folder.',
  })
}
