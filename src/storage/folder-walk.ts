import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { systemCode } from './file-errors.ts'
import { hiddenFolder, keyFault } from './keys.ts'
import type { ObjectInfo } from './store.ts'

/** Sizes asked for at the same time. */
const together = 64

interface WalkOptions {
  readonly startAfter?: string
  readonly signal?: AbortSignal
}

/** A folder being walked: what is left of it, in order. */
interface Level {
  readonly entries: readonly string[]
  at: number
}

/**
 * The regular files below `root` whose key starts with `prefix`, in the byte order of the keys, one folder in memory for
 * each level. A folder sorts as its name with the slash behind it, since that is how all keys in it begin: `a-b` comes
 * before folder `a/`, which comes before `a0`. Names are handled as byte strings (one character a byte), which compare as
 * bytes do. Symbolic links, devices, names that are no keys, and unfinished files are passed over.
 */
export async function* walkFolder(
  root: string,
  prefix: string,
  options: WalkOptions = {},
): AsyncGenerator<ObjectInfo> {
  const wanted = toByteString(prefix)
  const after = options.startAfter === undefined ? '' : toByteString(options.startAfter)
  const first = wanted.slice(0, wanted.lastIndexOf('/') + 1)
  const levels: Level[] = [{ entries: await readLevel(root, first, wanted, after), at: 0 }]
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    options.signal?.throwIfAborted()
    const files = nextFiles(level)
    if (files.length > 0) {
      for (const info of await Promise.all(files.map((file) => inspect(root, file)))) {
        options.signal?.throwIfAborted()
        if (info) yield info
      }
      continue
    }
    const folder = level.entries[level.at++]
    if (folder === undefined) levels.pop()
    else levels.push({ entries: await readLevel(root, folder, wanted, after), at: 0 })
  }
}

/** Takes the files that come before the next folder, up to a number that is worth asking for together. */
function nextFiles(level: Level): readonly string[] {
  const start = level.at
  while (level.at < level.entries.length && level.at - start < together) {
    if (level.entries[level.at]?.endsWith('/')) break
    level.at++
  }
  return level.entries.slice(start, level.at)
}

async function readLevel(
  root: string,
  folder: string,
  wanted: string,
  after: string,
): Promise<readonly string[]> {
  let entries: readonly Dirent<Buffer>[]
  try {
    entries = await readdir(pathOf(root, folder), { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    const system = systemCode(error)
    if (system === 'ENOENT' || (system === 'ENOTDIR' && folder !== '')) return []
    // The folder that ext file systems keep in their root belongs to the system and never holds objects.
    if (folder === 'lost+found/' && system === 'EACCES') return []
    throw error
  }
  const kept: string[] = []
  for (const entry of entries) {
    const isFolder = entry.isDirectory()
    if (!isFolder && !entry.isFile()) continue
    if (!isUtf8(entry.name)) continue
    const name = entry.name.toString('latin1')
    if (name === hiddenFolder) continue
    const full = isFolder ? `${folder}${name}/` : folder + name
    if (isFolder ? mayHold(full, wanted, after) : full.startsWith(wanted) && full > after) kept.push(full)
  }
  return kept.sort(byBytes)
}

function mayHold(folder: string, wanted: string, after: string): boolean {
  if (!folder.startsWith(wanted) && !wanted.startsWith(folder)) return false
  return folder > after || after.startsWith(folder)
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function inspect(root: string, file: string): Promise<ObjectInfo | undefined> {
  const key = Buffer.from(file, 'latin1').toString()
  if (keyFault(key) !== undefined) return undefined
  try {
    const stats = await lstat(pathOf(root, file))
    return stats.isFile() ? { key, size: stats.size, modified: Math.floor(stats.mtimeMs) } : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function toByteString(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function pathOf(root: string, bytes: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes, 'latin1')])
}
