import { TidemarkError } from '../../base/index.ts'

/**
 * `a,b` of `--groups`; undefined when it is not given. Throws USAGE where it is given and names nothing, as `--groups "$UNSET"` does:
 * that never means all.
 */
export async function groupList(text: string | undefined): Promise<readonly string[] | undefined> {
  if (text === undefined) return undefined
  const { splitList } = await import('../../config/index.ts')
  const names = splitList(text)
  if (names.length > 0) return names
  throw new TidemarkError('USAGE', '--groups is given and names no group', {
    hint: "Name groups, '*' for every one, or leave the flag out.",
  })
}
