import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TidemarkError } from '../base/index.ts'
import { DurableFolders, syncFolder } from './durable-folders.ts'
import { type FileErrorOptions, fileError, systemCode } from './file-errors.ts'
import { FileWriter, writeAll } from './file-writer.ts'
import { walkFolder } from './folder-walk.ts'
import { checkKey, checkPrefix } from './keys.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { endsBefore, notFound } from './store-errors.ts'
import { type TempFile, TempFiles } from './temp-files.ts'

/** A link is not followed, and opening a pipe does not wait for somebody to write to it. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** How often a folder may vanish under a writer (somebody prunes) before it is an error. */
const mostVanishings = 16

/**
 * Objects as plain files below a folder: what is written can be read with `ls` and `cat`, and by Kafka's own tools.
 *
 * A write goes to a hidden file, is synced, gets its final name in one step (`link` for `ifAbsent`, which never
 * overwrites, else `rename`), and then the folder is synced. Only regular files count; names of links are not followed.
 */
export class FilesystemStore implements ObjectStore {
  readonly url: string
  readonly putLimit = 64 * 1024 * 1024
  readonly #root: string
  readonly #temps: TempFiles
  readonly #folders: DurableFolders

  /** The folder is made by the first write. */
  constructor(folder: string) {
    this.#root = resolve(folder)
    this.url = this.#root
    this.#folders = new DurableFolders(this.#root)
    this.#temps = new TempFiles(this.#root, this.#folders)
  }

  async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    checkKey(key)
    options.signal?.throwIfAborted()
    // Saves writing what cannot win; the link below decides.
    if (options.ifAbsent === true && (await this.#exists(key))) return false
    const file = await this.#temp(key)
    try {
      await writeAll(file.handle, bytes, 0)
      options.signal?.throwIfAborted()
      await file.handle.sync()
      await file.handle.close()
      options.signal?.throwIfAborted()
      return await this.#publish(file, key, options.ifAbsent === true)
    } catch (error) {
      await this.#temps.drop(file)
      throw this.#error(error, `write ${key}`, key)
    }
  }

  async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
    checkKey(key)
    options.signal?.throwIfAborted()
    const target = {
      key,
      url: this.url,
      publish: async (file: TempFile) => {
        await this.#publish(file, key, false)
      },
      drop: (file: TempFile) => this.#temps.drop(file),
    }
    return new FileWriter(await this.#temp(key), target, options.signal)
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer> {
    return await this.#reading(key, options, async (handle) => {
      const stats = await handle.stat()
      if (!stats.isFile()) throw notFound(key, this.url)
      const target = Buffer.allocUnsafeSlow(stats.size)
      await fill(handle, target, 0, key, options.signal)
      return target
    })
  }

  async read(key: string, position: number, target: Buffer, options: CallOptions = {}): Promise<void> {
    await this.#reading(key, options, (handle) => fill(handle, target, position, key, options.signal))
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(key)
    options.signal?.throwIfAborted()
    try {
      const stats = await lstat(this.#path(key))
      return stats.isFile() ? { key, size: stats.size, modified: Math.floor(stats.mtimeMs) } : undefined
    } catch (error) {
      if (absent(error)) return undefined
      throw this.#error(error, `look up ${key}`, key)
    }
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix)
    try {
      yield* walkFolder(this.#root, prefix, options)
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') throw notAFolder(this.url, error)
      throw this.#error(error, `list ${prefix || 'everything'}`, prefix)
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key)
    const folders = new Set<string>()
    for (const key of keys) {
      options.signal?.throwIfAborted()
      const path = this.#path(key)
      try {
        await unlink(path)
        folders.add(dirname(path))
      } catch (error) {
        // A folder of that name is no object, and what is no object is gone already.
        const system = systemCode(error)
        if (!absent(error) && system !== 'EISDIR' && !(system === 'EPERM' && (await isFolder(path)))) {
          throw this.#error(error, `delete ${key}`, key)
        }
      }
    }
    for (const folder of folders) await this.#folders.prune(folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temps.tidy()
  }

  async #temp(key: string): Promise<TempFile> {
    try {
      return await this.#temps.make()
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') throw notAFolder(this.url, error)
      if (systemCode(error) === 'ENOENT') throw noFoldersHere(this.url, error)
      throw this.#error(error, `write ${key}`, key)
    }
  }

  /** Gives a finished file its name. Answers false when `ifAbsent` and there is an object of that name. */
  async #publish(file: TempFile, key: string, ifAbsent: boolean): Promise<boolean> {
    const path = this.#path(key)
    const folder = dirname(path)
    let named = false
    try {
      for (let attempt = 1; !named; attempt++) {
        try {
          await this.#folders.ensure(folder)
          if (!ifAbsent) await rename(file.path, path)
          else if (!(await linkOnce(file.path, path))) return await this.#lose(file)
          named = true
        } catch (error) {
          if (systemCode(error) !== 'ENOENT' || attempt > mostVanishings || !(await isThere(file.path)))
            throw error
          this.#folders.forget(folder)
        }
      }
      if (ifAbsent) await unlink(file.path)
      await syncFolder(folder)
      return true
    } catch (error) {
      const options = named ? ({ retriable: false, outcome: 'unknown' } as const) : {}
      throw this.#error(error, `write ${key}`, key, options)
    }
  }

  async #lose(file: TempFile): Promise<false> {
    await unlink(file.path)
    return false
  }

  async #reading<T>(key: string, options: CallOptions, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    checkKey(key)
    options.signal?.throwIfAborted()
    try {
      await using handle = await open(this.#path(key), readFlags)
      return await work(handle)
    } catch (error) {
      const system = systemCode(error)
      const odd = system === 'ENOTDIR' || system === 'EISDIR' || system === 'ENXIO' || system === 'ESPIPE'
      if (odd) throw notFound(key, this.url, error)
      throw this.#error(error, `read ${key}`, key)
    }
  }

  async #exists(key: string): Promise<boolean> {
    return (await this.head(key)) !== undefined
  }

  #path(key: string): string {
    return join(this.#root, key)
  }

  #error(error: unknown, doing: string, key: string, options: FileErrorOptions = {}): unknown {
    return fileError(error, doing, key, this.url, options)
  }
}

function notAFolder(url: string, cause: unknown): TidemarkError {
  return new TidemarkError('CONFIG_INVALID', `${url} is not a folder`, { cause, hint: 'Name a folder.' })
}

function noFoldersHere(url: string, cause: unknown): TidemarkError {
  return new TidemarkError('STORAGE_DENIED', `The folder ${url} cannot be made`, {
    cause,
    hint: 'Name a folder on a file system that takes files.',
  })
}

/** Links unless the name is taken. A file server may answer "exists" to its own repeated request: two names tell. */
async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const system = systemCode(error)
    if (system === 'EEXIST') return (await stat(from)).nlink === 2
    if (system === 'EPERM' || system === 'ENOTSUP' || system === 'EOPNOTSUPP' || system === 'ENOSYS') {
      throw new TidemarkError('STORAGE_UNSUPPORTED', 'The file system has no hard links', {
        hint: 'Exactly one writer must win when two make the same object: use a file system with hard links, or a bucket.',
        cause: error,
      })
    }
    throw error
  }
}

async function fill(
  handle: FileHandle,
  target: Buffer,
  position: number,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < target.length; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await handle.read(target, at, target.length - at, position + at)
    if (bytesRead === 0) throw endsBefore(key, position + at, position, target.length)
    at += bytesRead
  }
}

function absent(error: unknown): boolean {
  const system = systemCode(error)
  return system === 'ENOENT' || system === 'ENOTDIR'
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}

async function isFolder(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
