import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardFolder } from '../test/support/broker-process.ts'

/** Bytes of memory that nobody uses, up to which nothing is done: less is in the hand of the reclaiming system anyway. */
const enough = 1.5e9
const piece = 8 << 20

let file: Promise<Sparse> | undefined

interface Sparse {
  readonly handle: FileHandle
  readonly folder: string
  /** Removes the folder if this process dies. */
  readonly guard: Disposable
  readonly size: number
  readonly memory: Buffer
  at: number
}

/**
 * Has the system take all free memory into use, as its cache of a file of nothing. In a virtual machine memory that is free is with the
 * host, and its first use costs three times as much as writing to it: whoever runs first, or after something was deleted,
 * would pay for that. What is measured then takes its memory from the cache, at the same price each time. Linux only; elsewhere
 * nothing happens.
 */
export async function warmMemory(): Promise<void> {
  if (process.platform !== 'linux' || (await unused()) < enough) return
  file ??= sparse()
  const cached = await file
  while ((await unused()) >= enough) {
    for (let i = 0; i < 16; i++) {
      await cached.handle.read(cached.memory, 0, piece, cached.at)
      cached.at = (cached.at + piece) % cached.size
    }
  }
}

/** Gives the memory back. */
export async function coolMemory(): Promise<void> {
  const made = await file
  file = undefined
  if (!made) return
  await made.handle.close()
  await rm(made.folder, { recursive: true, force: true })
  made.guard[Symbol.dispose]()
}

async function sparse(): Promise<Sparse> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-memory-'))
  const guard = guardFolder(folder)
  const handle = await open(join(folder, 'nothing'), 'w+')
  const size = Math.ceil((await meminfo('MemTotal')) / piece) * piece
  await handle.truncate(size)
  return { handle, folder, guard, size, memory: Buffer.allocUnsafeSlow(piece), at: 0 }
}

async function unused(): Promise<number> {
  return await meminfo('MemFree')
}

async function meminfo(name: string): Promise<number> {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(await readFile('/proc/meminfo', 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}
