import { TidemarkError } from './errors.ts'

/** Chooses names: an exact name, a glob with `*` and `?`, or `~regex` (anchored at both ends). */
export interface NamePattern {
  readonly text: string
  /** The pattern names one thing: that it is missing is worth an error. */
  readonly literal: boolean
  matches(name: string): boolean
}

/** Throws CONFIG_INVALID when the regular expression is malformed. */
export function parseNamePattern(text: string): NamePattern {
  if (text.startsWith('~')) {
    try {
      const expression = new RegExp(`^(?:${text.slice(1)})$`, 'u')
      return { text, literal: false, matches: (name) => expression.test(name) }
    } catch (cause) {
      throw new TidemarkError(
        'CONFIG_INVALID',
        `The pattern ${JSON.stringify(text)} is not a regular expression`,
        { cause },
      )
    }
  }
  if (!/[*?]/.test(text)) return { text, literal: true, matches: (name) => name === text }
  const source = [...text]
    .map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')))
    .join('')
  const expression = new RegExp(`^${source}$`, 'us')
  return { text, literal: false, matches: (name) => expression.test(name) }
}

/** Include and exclude lists; an empty include list means everything. */
export function nameFilter(
  include: readonly string[],
  exclude: readonly string[] = [],
): (name: string) => boolean {
  const wanted = include.map(parseNamePattern)
  const unwanted = exclude.map(parseNamePattern)
  return (name) =>
    (wanted.length === 0 || wanted.some((p) => p.matches(name))) && !unwanted.some((p) => p.matches(name))
}
