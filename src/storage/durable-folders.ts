import { mkdir, open, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from './file-errors.ts'

/**
 * Folders below a root that are known to survive a power failure. A file is only as durable as the entries of all the
 * folders that lead to it: a folder made a moment ago is lost with its content unless its parent was synced as well.
 */
export class DurableFolders {
  readonly #root: string
  readonly #known = new Map<string, Promise<void>>()

  constructor(root: string) {
    this.#root = root
  }

  /** Makes the folder and its parents where missing, and the entries that lead to it durable; once for each folder. */
  ensure(folder: string): Promise<void> {
    let known = this.#known.get(folder)
    if (!known) {
      known = this.#make(folder)
      this.#known.set(folder, known)
      known.catch(() => this.#known.delete(folder))
    }
    return known
  }

  /** A folder turned out to be gone: somebody pruned it, and perhaps what leads to it. */
  forget(folder: string): void {
    for (let at = folder; ; at = dirname(at)) {
      this.#known.delete(at)
      if (at === dirname(at)) return
    }
  }

  /** Removes the folder and its parents as long as they are empty, never the root. */
  async prune(folder: string): Promise<void> {
    for (let at = folder; at.length > this.#root.length; at = dirname(at)) {
      try {
        this.#known.delete(at)
        await rmdir(at)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') return
      }
    }
  }

  /**
   * Step by step rather than by `mkdir` with `recursive`, which never ends where a parent takes no folders (`/proc`).
   * What lies above the root is made where missing; it is synced as far as that is allowed.
   */
  async #make(folder: string): Promise<void> {
    const parent = dirname(folder)
    const within = folder.length > this.#root.length
    if (within) await this.ensure(parent)
    try {
      await makeFolder(folder)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || within || parent === folder) throw error
      await this.ensure(parent)
      await makeFolder(folder)
    }
    await syncFolder(parent, !within)
  }
}

/** Makes a folder in one that is there; that it is there already is fine. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
}

/** Makes the entries of a folder durable. `lenient`: that it cannot be is no error (what lies above the root). */
export async function syncFolder(folder: string, lenient = false): Promise<void> {
  try {
    await using handle = await open(folder, 'r')
    await handle.sync()
  } catch (error) {
    const system = systemCode(error)
    // Some network file systems cannot sync a folder: they make entries durable by themselves.
    if (system === 'EINVAL' || system === 'ENOTSUP' || system === 'EBADF') return
    if (lenient && system !== 'EIO') return
    throw error
  }
}
