import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type DurableFolders, makeFolder } from './durable-folders.ts'
import { systemCode } from './file-errors.ts'
import { hiddenFolder } from './keys.ts'

/** A file that nobody sees until it is linked or renamed to its final name. */
export interface TempFile {
  readonly path: string
  readonly handle: FileHandle
}

/** Files of writers that cannot be told dead or alive (another machine or container) are left for this many ms. */
const patience = 24 * 60 * 60 * 1000

/**
 * The folder of unfinished files of a filesystem store. It lies in the root, so that it is on the same file system, is
 * made when first needed, and removed when empty. A name tells who writes the file (`<space>.<process>.<random>`), so
 * that what a killed process left behind is swept by the next writer, and what a living one writes is not.
 */
export class TempFiles {
  readonly #folder: string
  readonly #root: string
  readonly #folders: DurableFolders
  #swept: Promise<void> | undefined

  constructor(root: string, folders: DurableFolders) {
    this.#folder = join(root, hiddenFolder)
    this.#root = root
    this.#folders = folders
  }

  /** A new file; sweeps first, once. */
  async make(): Promise<TempFile> {
    this.#swept ??= this.#sweep()
    await this.#swept
    const path = join(
      this.#folder,
      `${processSpace()}.${process.pid}.${randomBytes(9).toString('base64url')}`,
    )
    for (let attempt = 1; ; attempt++) {
      try {
        return { path, handle: await open(path, 'wx') }
      } catch (error) {
        // Another process that had nothing more to write may have removed the folder in between.
        if (systemCode(error) !== 'ENOENT' || attempt > 8) throw error
        this.#folders.forget(this.#root)
        await this.#folders.ensure(this.#root)
        await makeFolder(this.#folder)
      }
    }
  }

  /** Closes and removes the file; that it is gone already is fine. Never rejects. */
  async drop(file: TempFile): Promise<void> {
    await file.handle.close().catch(() => undefined)
    await unlink(file.path).catch(() => undefined)
  }

  /** Removes the folder if nothing is in it. Never rejects. */
  async tidy(): Promise<void> {
    await rmdir(this.#folder).catch(() => undefined)
  }

  async #sweep(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names) {
      const path = join(this.#folder, name)
      try {
        if (await abandoned(name, path)) await unlink(path)
      } catch {
        // Gone meanwhile, or not ours to remove: it is invisible either way.
      }
    }
  }
}

async function abandoned(name: string, path: string): Promise<boolean> {
  const [space, pid] = name.split('.')
  if (space === processSpace() && space !== 'unknown') return !alive(Number(pid))
  return Date.now() - (await lstat(path)).mtimeMs > patience
}

function alive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}

let space: string | undefined

/** Names the set of processes in which a process id means something: this boot of this machine, this container. */
function processSpace(): string {
  if (space === undefined) {
    try {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
      const numbering = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
      space = `${boot.slice(0, 16)}-${numbering}`
    } catch {
      space = 'unknown'
    }
  }
  return space
}
