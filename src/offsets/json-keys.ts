import { TidemarkError } from '../base/index.ts'

/**
 * Of a name that an object holds twice, the parser keeps the last without a word: a topic that was pasted in twice would lose its
 * first positions. Takes text that is JSON; throws FILE_NOT_READABLE for such a name.
 */
export function refuseDoubleKeys(text: string, file: string): void {
  // Strings, with a sign whether each is a name, and the brackets that say of which object.
  const parts = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g
  const objects: Set<string>[] = []
  for (const [part, colon] of text.matchAll(parts)) {
    if (part === '{') objects.push(new Set())
    else if (part === '}') objects.pop()
    else if (colon !== undefined) {
      const key: unknown = JSON.parse(part.slice(0, -colon.length))
      const keys = objects.at(-1)
      if (keys?.has(String(key))) {
        throw new TidemarkError(
          'FILE_NOT_READABLE',
          `${file}: ${JSON.stringify(key)} stands twice in the same place`,
          {
            hint: 'Only the last one would count: keep the right one.',
          },
        )
      }
      keys?.add(String(key))
    }
  }
}
