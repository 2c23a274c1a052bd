import { TidemarkError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { JournalHeader } from './journal-types.ts'
import type { Lock } from './lock.ts'
import { decodeState, encodeState } from './state-object.ts'

/** A journal as it was read. */
export interface JournalContent {
  readonly header: JournalHeader
  readonly blobs: readonly Buffer[]
}

/**
 * The newest journal below `prefix` that is whole; undefined when there is none. Rejects with RESTORE_STATE_DAMAGED when there
 * are some, and none can be read.
 */
export async function readJournal(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<JournalContent | undefined> {
  const keys = await stateKeys(store, prefix, signal)
  for (const key of keys.reverse()) {
    const content = decodeState(await store.get(key, signal ? { signal } : {}))
    if (content) return { header: content.header as JournalHeader, blobs: content.blobs }
  }
  if (keys.length === 0) return undefined
  throw new TidemarkError('RESTORE_STATE_DAMAGED', `No journal of the restore at ${prefix} can be read`, {
    hint: 'Restore into new topics under another restore id.',
    details: { object: keys[0] ?? prefix },
  })
}

/** Writes the journal of one run. Each state is an object of its own, made once: a half-written one never hides a whole one. */
export class JournalWriter {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #lock: Lock
  #older: string[]
  #serial = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(store: ObjectStore, prefix: string, lock: Lock, older: string[]) {
    this.#store = store
    this.#prefix = prefix
    this.#lock = lock
    this.#older = older
  }

  static async open(store: ObjectStore, prefix: string, lock: Lock): Promise<JournalWriter> {
    return new JournalWriter(store, prefix, lock, await stateKeys(store, prefix))
  }

  /** Makes the state durable. Calls are served one after the other. Rejects with RESTORE_IN_USE when the lock is lost. */
  save(header: JournalHeader, blobs: readonly Buffer[]): Promise<void> {
    const saved = this.#writing.then(() => this.#save(header, blobs))
    this.#writing = saved.catch(() => {})
    return saved
  }

  async #save(header: JournalHeader, blobs: readonly Buffer[]): Promise<void> {
    await this.#lock.check()
    this.#serial++
    const key = stateKey(this.#prefix, this.#lock.number, this.#serial)
    const parts = encodeState({ header, blobs })
    const size = parts.reduce((sum, part) => sum + part.length, 0)
    if (size <= this.#store.putLimit) {
      await this.#store.put(key, parts)
    } else {
      const writer = await this.#store.create(key)
      try {
        for (const part of parts) await writer.write(part)
        await writer.close()
      } catch (error) {
        await writer.abort()
        throw error
      }
    }
    // The one before stays, in case this one is damaged.
    const gone = this.#older.slice(0, -1)
    this.#older = [...this.#older.slice(-1), key]
    if (gone.length > 0) await this.#store.delete(gone)
  }
}

function stateKey(prefix: string, lock: number, serial: number): string {
  return `${prefix}/state/${String(lock).padStart(8, '0')}-${String(serial).padStart(8, '0')}.state`
}

async function stateKeys(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(`${prefix}/state/`, signal ? { signal } : {})) {
    if (key.endsWith('.state')) keys.push(key)
  }
  return keys.sort()
}
