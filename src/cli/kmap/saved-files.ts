import { TidemarkError } from '../../base/index.ts'
import type { NamedOffsets, OffsetsFile } from '../../offsets/index.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { plural } from '../render/quantities.ts'
import type { Session } from '../session.ts'
import { readTextFile } from '../text-file.ts'

/** Reads a complete file and the differential ones after it, as one. Rejects with FILE_NOT_READABLE. */
export async function readSaved(files: readonly string[], session?: Session): Promise<OffsetsFile> {
  const { layerOffsets, offsetsFromJson } = await import('../../offsets/index.ts')
  const named: NamedOffsets[] = []
  for (const name of files) {
    const { file, negative } = offsetsFromJson(await readTextFile(name), name)
    if (negative > 0) {
      session?.log('warn', `${name} holds ${plural(negative, 'negative offset')}, which mean none: left out`)
    }
    named.push({ name, file })
  }
  const [first, ...rest] = named
  if (first === undefined) throw new RangeError('no file is named')
  if (rest.length === 0 && first.file.base !== undefined) {
    const base = new Date(first.file.base.taken).toISOString()
    session?.log(
      'warn',
      `${first.name} holds only what changed since ${base}: other positions are left alone`,
    )
  }
  return layerOffsets([first, ...rest])
}

/** The groups that `-groups` chooses. */
export interface GroupChoice {
  readonly patterns: readonly string[]
  /** Names that are given exactly: what is missing of them is said. */
  readonly named: readonly string[]
  /** All groups where there are no patterns. */
  readonly wanted: (group: string) => boolean
}

/** What `-groups` chooses. Throws USAGE for an empty value and CONFIG_INVALID for a bad expression. */
export async function groupChoice(values: readonly string[]): Promise<GroupChoice> {
  const { nameFilter, parseNamePattern } = await import('../../base/index.ts')
  const patterns = splitPatterns(values, '-groups')
  const named = patterns.filter((pattern) => parseNamePattern(pattern).literal)
  return { patterns, named, wanted: nameFilter(patterns) }
}

/** The file with the chosen groups alone. Throws GROUP_NOT_FOUND where there is none of them, or not one that is named. */
export function chosenGroups(
  file: OffsetsFile,
  { patterns, named, wanted }: GroupChoice,
  where: string,
): OffsetsFile {
  const held = new Set([...file.groups, ...file.removed].map(({ group }) => group))
  const missing = named.find((name) => !held.has(name))
  if (missing !== undefined) {
    throw new TidemarkError('GROUP_NOT_FOUND', `The group '${missing}' is not in ${where}`, {
      details: { group: missing },
    })
  }
  if (patterns.length > 0 && ![...held].some(wanted)) {
    throw new TidemarkError('GROUP_NOT_FOUND', `No group in ${where} matches ${patterns.join(', ')}`)
  }
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
