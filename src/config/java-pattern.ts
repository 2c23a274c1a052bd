/** Characters that this regular expression dialect (with the flag u) lets be escaped, and letters and digits with a meaning. */
const escapable = /[A-Za-z0-9^$\\.*+?()[\]{}|/]/

/**
 * A regular expression as Java users write it, in the dialect of {@link RegExp} with the flag u: escapes that it does not know
 * (`\-`, `\_`) stand for the character itself, and a leading `(?i)` holds for all of it.
 */
export function javaPattern(text: string): string {
  const [, flags, body = text] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(text) ?? []
  let out = ''
  let inClass = false
  for (let i = 0; i < body.length; i++) {
    const c = body.charAt(i)
    const next = body.charAt(i + 1)
    if (c === '\\' && next !== '') {
      i++
      out += escapable.test(next) || (inClass && next === '-') ? `\\${next}` : next
      continue
    }
    if (c === '[') inClass = true
    if (c === ']') inClass = false
    out += c
  }
  return flags === undefined ? out : `(?${flags}:${out})`
}
