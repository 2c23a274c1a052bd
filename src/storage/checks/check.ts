import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { ObjectInfo, ObjectStore } from '../store.ts'

/** What a check works with. */
export interface CheckBench {
  readonly store: ObjectStore
  readonly signal: AbortSignal
  /** Everything the check makes lies below this; ends in a slash, holds nothing at the start. */
  readonly prefix: string
}

/** One promise of the store interface and how it is tried. */
export interface StoreCheck {
  /** Short, stable, in lower case with dashes. */
  readonly name: string
  /** What holds when the check passes, as a sentence. */
  readonly promise: string
  /** Rejects when the promise is broken. */
  run(bench: CheckBench): Promise<void>
}

/** Throws unless the condition holds; `found` says what was seen instead, as a sentence. */
export function expect(condition: unknown, found: string): asserts condition {
  if (!condition) {
    throw new TidemarkError('STORAGE_UNSUPPORTED', found, {
      hint: 'The store does not keep a promise that backups rest on: do not use it for them.',
    })
  }
}

/** Runs a call that has to fail, and answers its code; anything but a TidemarkError is passed on. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (isTidemarkError(error)) return error.code
    throw error
  }
  return 'no error'
}

/** A whole listing. */
export async function listAll(
  bench: CheckBench,
  prefix: string,
  startAfter?: string,
): Promise<readonly ObjectInfo[]> {
  const found: ObjectInfo[] = []
  const options = { signal: bench.signal, ...(startAfter !== undefined && { startAfter }) }
  for await (const info of bench.store.list(bench.prefix + prefix, options)) found.push(info)
  return found
}

/** Runs `work` for each item, a few at a time. */
export async function each<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = Iterator.from(items)
  const worker = async () => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Bytes in which no two stretches are alike, so that parts in a wrong order or place are seen. */
export function distinctBytes(size: number, salt = 0): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let i = 0; i < words.length; i++) words[i] = 4 * i + salt * 0x9e3779b1
  return Buffer.from(words.buffer, 0, size)
}
