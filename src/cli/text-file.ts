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

/** The text of a file that the user named. Rejects with FILE_NOT_READABLE. */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new TidemarkError('FILE_NOT_READABLE', `The file ${file} cannot be read: ${fileReason(cause)}`, {
      cause,
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
  const beside = `${file}.${process.pid}.tmp`
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
    throw new TidemarkError('FILE_NOT_READABLE', `The file ${name} cannot be written: ${fileReason(cause)}`, {
      cause,
    })
  }
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
    throw new TidemarkError('FILE_NOT_READABLE', `The file ${name} cannot be written: ${fileReason(cause)}`, {
      cause,
    })
  }
}
