import type { FileHandle } from 'node:fs/promises'
import { Budget, invariant, TidemarkError } from '../base/index.ts'
import { piecesOf } from './bytes.ts'
import { fileError } from './file-errors.ts'
import type { Bytes, CallOptions, ObjectWriter } from './store.ts'
import type { TempFile } from './temp-files.ts'

/** Bytes after which the disk is set to work, so that the final sync finds little left to do. */
const syncEvery = 32 * 1024 * 1024
/** One early sync at a time in the process: they would otherwise fill libuv's four threads and stall all writes. */
const earlySyncs = new Budget(1)
/** libuv joins what the system takes in one call; keeps arrays short. */
const mostPieces = 1024

/** What a writer needs of its store. */
export interface FileTarget {
  readonly key: string
  readonly url: string
  /** Gives the file its final name, durably. */
  publish(file: TempFile): Promise<void>
  drop(file: TempFile): Promise<void>
}

/** Writes to a hidden file; `close` syncs it and gives it its name. */
export class FileWriter implements ObjectWriter {
  readonly #file: TempFile
  readonly #target: FileTarget
  readonly #signal: AbortSignal | undefined
  #state: 'open' | 'closed' | 'aborted' = 'open'
  #size = 0
  #synced = 0
  #handleOpen = true
  #early: Promise<void> | undefined
  /** A failed sync may have lost pages for good: the file can only be dropped. */
  #lost: unknown

  constructor(file: TempFile, target: FileTarget, signal: AbortSignal | undefined) {
    this.#file = file
    this.#target = target
    this.#signal = signal
  }

  get size(): number {
    return this.#size
  }

  async write(bytes: Bytes, options: CallOptions = {}): Promise<void> {
    this.#check(options)
    try {
      this.#size = await writeAll(this.#file.handle, bytes, this.#size)
    } catch (error) {
      throw fileError(error, `write ${this.#target.key}`, this.#target.key, this.#target.url)
    }
    this.#syncEarly()
  }

  async close(options: CallOptions = {}): Promise<void> {
    if (this.#state === 'closed') return
    this.#check(options)
    if (this.#handleOpen) {
      await this.#early
      this.#check(options)
      await this.#sync(() => this.#file.handle.sync())
      this.#check(options)
      this.#handleOpen = false
      await this.#file.handle.close()
    }
    await this.#target.publish(this.#file)
    this.#state = 'closed'
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'aborted'
    await this.#early
    await this.#target.drop(this.#file)
  }

  #check(options: CallOptions): void {
    invariant(this.#state === 'open', 'a write to an object that was closed or aborted')
    this.#signal?.throwIfAborted()
    options.signal?.throwIfAborted()
    if (this.#lost !== undefined) throw this.#lost
  }

  #syncEarly(): void {
    if (this.#size - this.#synced < syncEvery || this.#early || !earlySyncs.tryTake(1)) return
    this.#synced = this.#size
    this.#early = this.#sync(() => this.#file.handle.datasync()).finally(() => {
      this.#early = undefined
      earlySyncs.give(1)
    })
  }

  /** Never rejects: what went wrong is kept, and thrown by the next call. */
  async #sync(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const { key, url } = this.#target
      this.#lost = fileError(error, `sync ${key}`, key, url, { retriable: false })
    }
  }
}

/** Writes all of `bytes` at `position` and answers the position after them. */
export async function writeAll(handle: FileHandle, bytes: Bytes, position: number): Promise<number> {
  let pieces: readonly Uint8Array[] = piecesOf(bytes)
  let at = position
  while (pieces.length > 0) {
    const { bytesWritten } = await handle.writev(pieces.slice(0, mostPieces), at)
    if (bytesWritten === 0) throw new TidemarkError('STORAGE_UNAVAILABLE', 'The file system takes no bytes')
    at += bytesWritten
    pieces = after(pieces, bytesWritten)
  }
  return at
}

function after(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]
    if (piece === undefined) break
    if (left < piece.length)
      return left === 0 ? pieces.slice(i) : [piece.subarray(left), ...pieces.slice(i + 1)]
    left -= piece.length
  }
  return []
}
