import { randomBytes } from 'node:crypto'
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { fileReason, TidemarkError } from '../base/index.ts'
import type { MapSet } from '../offsets/index.ts'

/** Writes an offset map for other programs: CSV when the name ends in `.csv`, else JSON. */
export async function writeMappingFile(file: string, set: MapSet): Promise<void> {
  const { mapSetToCsv, mapSetToJson } = await import('../offsets/index.ts')
  await writeTextFile(file, file.endsWith('.csv') ? mapSetToCsv(set) : mapSetToJson(set))
}

/** Reads an offset map in JSON. Rejects with FILE_NOT_READABLE. */
export async function readMappingFile(file: string): Promise<MapSet> {
  const { mapSetFromJson } = await import('../offsets/index.ts')
  return mapSetFromJson(await readTextFile(file), file)
}

/** The text of a file that the user named: UTF-8, or what a byte order mark at its beginning says. Rejects with FILE_NOT_READABLE. */
export async function readTextFile(file: string): Promise<string> {
  try {
    const bytes = await readFile(file)
    const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : undefined
    const encoding = bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : (utf16 ?? 'utf-8')
    return new TextDecoder(encoding).decode(bytes)
  } catch (cause) {
    throw new TidemarkError('FILE_NOT_READABLE', `The file ${file} cannot be read: ${fileReason(cause)}`, {
      ...causeOf(cause),
    })
  }
}

/**
 * Writes a file whole or not at all: beside its place first, then under its name. What is no plain file (a pipe, a terminal,
 * /dev/stdout) is written to as it is; a link's file is written, not the link replaced. Rejects with FILE_NOT_READABLE.
 */
export async function writeTextFile(name: string, pieces: Iterable<string>, mode = 0o644): Promise<void> {
  const file = await realpath(name).catch(() => name)
  const kind = await stat(file).catch(() => undefined)
  const special = kind !== undefined && !kind.isFile() && !kind.isDirectory()
  if (special || /^\/(dev|proc)\//.test(name)) return await writeStream(name, pieces)
  const beside = nameBeside(file)
  try {
    const handle = await open(beside, 'wx', mode)
    try {
      for (const piece of pieces) await handle.writeFile(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, file)
  } catch (cause) {
    await rm(beside, { force: true })
    if (cause instanceof TidemarkError) throw cause
    throw notWritten(name, cause)
  }
}

/** Whether a file can be written, before what goes into it is made: once positions are set, it is too late. Rejects with FILE_NOT_READABLE. */
export async function checkWritable(name: string | undefined): Promise<void> {
  if (name === undefined) return
  const file = await realpath(name).catch(() => name)
  const kind = await stat(file).catch(() => undefined)
  if ((kind !== undefined && !kind.isFile() && !kind.isDirectory()) || /^\/(dev|proc)\//.test(name)) return
  const beside = nameBeside(file)
  try {
    if (kind?.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    await (await open(beside, 'wx')).close()
  } catch (cause) {
    throw notWritten(name, cause)
  } finally {
    await rm(beside, { force: true })
  }
}

/** Not by the process's number: in a container that is the same each time. */
function nameBeside(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}.tmp`
}

async function writeStream(name: string, pieces: Iterable<string>): Promise<void> {
  try {
    const handle = await open(name, 'a')
    try {
      for (const piece of pieces) await handle.writeFile(piece)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw notWritten(name, cause)
  }
}

function notWritten(name: string, cause: unknown): TidemarkError {
  return new TidemarkError('FILE_NOT_READABLE', `The file ${name} cannot be written: ${fileReason(cause)}`, {
    ...causeOf(cause),
  })
}

/** What the system says is told in words already, and its own text names a file beside it that nobody asked for. */
function causeOf(cause: unknown): { readonly cause?: unknown } {
  return (cause as NodeJS.ErrnoException).code === undefined ? { cause } : {}
}
