import { isTidemarkError } from '../base/index.ts'
import type { CallOptions, ObjectInfo, ObjectStore } from '../storage/index.ts'
import { damaged } from './damaged.ts'

/** The part of a store that belongs to one backup: keys are relative to it. */
export class BackupPlace {
  readonly store: ObjectStore
  readonly backupId: string
  readonly #prefix: string

  constructor(store: ObjectStore, backupId: string) {
    this.store = store
    this.backupId = backupId
    this.#prefix = `${backupId}/`
  }

  /** The key in the store. */
  full(key: string): string {
    return this.#prefix + key
  }

  /** An object that must be there: that it is missing is ARCHIVE_DAMAGED. */
  async get(key: string, options?: CallOptions): Promise<Buffer> {
    return await found(key, this.store.get(this.full(key), options))
  }

  /** An object, or undefined where there is none. */
  async find(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    try {
      return await this.store.get(this.full(key), options)
    } catch (error) {
      if (isTidemarkError(error, 'STORAGE_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** Bytes of an object that must be there and long enough, else ARCHIVE_DAMAGED. */
  async read(key: string, position: number, target: Buffer, options?: CallOptions): Promise<void> {
    await found(key, this.store.read(this.full(key), position, target, options))
  }

  async exists(key: string, options?: CallOptions): Promise<boolean> {
    return (await this.store.head(this.full(key), options)) !== undefined
  }

  put(key: string, bytes: Buffer, options?: CallOptions & { readonly ifAbsent?: boolean }): Promise<boolean> {
    return this.store.put(this.full(key), bytes, options)
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncGenerator<ObjectInfo> {
    const { startAfter } = options
    const from = { ...options, ...(startAfter !== undefined && { startAfter: this.full(startAfter) }) }
    for await (const info of this.store.list(this.full(prefix), from)) {
      yield { ...info, key: info.key.slice(this.#prefix.length) }
    }
  }
}

async function found<T>(key: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!isTidemarkError(error, 'STORAGE_NOT_FOUND')) throw error
    throw damaged(key, 'is missing', {}, error)
  }
}
