import type { NamedOffsets, OffsetsFile } from '../../offsets/index.ts'
import { plural } from '../render/quantities.ts'
import type { Session } from '../session.ts'
import { readTextFile } from '../text-file.ts'

/** Reads a complete file and the differential ones after it, as one. Rejects with FILE_NOT_READABLE. */
export async function readSaved(files: readonly string[], session: Session): Promise<OffsetsFile> {
  const { layerOffsets, offsetsFromJson } = await import('../../offsets/index.ts')
  const named: NamedOffsets[] = []
  for (const name of files) {
    const { file, negative } = offsetsFromJson(await readTextFile(name), name)
    if (negative > 0) {
      session.log('warn', `${name} holds ${plural(negative, 'negative offset')}, which mean none: left out`)
    }
    named.push({ name, file })
  }
  const [first, ...rest] = named
  if (first === undefined) throw new RangeError('no file is named')
  if (rest.length === 0 && first.file.base !== undefined) {
    const base = new Date(first.file.base.taken).toISOString()
    session.log('warn', `${first.name} holds only what changed since ${base}: other positions are left alone`)
  }
  return layerOffsets([first, ...rest])
}

/** Which groups the patterns of `-groups` choose; all where there are none. Throws CONFIG_INVALID for a bad expression. */
export async function groupFilter(patterns: readonly string[]): Promise<(group: string) => boolean> {
  const { nameFilter } = await import('../../base/index.ts')
  return nameFilter(splitPatterns(patterns))
}

/** Lists separated by commas, except in a regular expression, where a comma may mean itself. */
export function splitPatterns(patterns: readonly string[]): readonly string[] {
  return patterns.flatMap((pattern) =>
    pattern.startsWith('~')
      ? [pattern]
      : pattern
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
  )
}

/** The file with the chosen groups alone. */
export function chosenGroups(file: OffsetsFile, wanted: (group: string) => boolean): OffsetsFile {
  return {
    ...file,
    groups: file.groups.filter(({ group }) => wanted(group)),
    removed: file.removed.filter(({ group }) => wanted(group)),
  }
}

/** How much a file holds, for people. */
export async function sizeText(file: OffsetsFile): Promise<string> {
  const { positionsOf } = await import('../../offsets/index.ts')
  return `${plural(file.groups.length, 'group')}, ${plural([...positionsOf(file)].length, 'position')}`
}
