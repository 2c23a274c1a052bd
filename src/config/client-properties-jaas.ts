/** A login module of a JAAS configuration, with its options. */
export interface JaasEntry {
  /** Class name without its package. */
  readonly module: string
  readonly options: ReadonlyMap<string, string>
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', b: '\b' }
const flags = new Set(['required', 'requisite', 'sufficient', 'optional'])

/**
 * Reads the value of `sasl.jaas.config`: `package.Module required name="value" …;`. Undefined where it is not of that form; what
 * it holds is secret and is never repeated.
 */
export function parseJaas(text: string): JaasEntry | undefined {
  const words = tokens(text)
  if (words === undefined) return undefined
  const [name, flag, ...rest] = words
  if (name?.type !== 'word' || flag?.type !== 'word' || !flags.has(flag.text.toLowerCase())) return undefined
  if (rest.pop()?.type !== 'end') return undefined
  const options = new Map<string, string>()
  for (let at = 0; at < rest.length; at += 3) {
    const [key, equals, value] = rest.slice(at, at + 3)
    if (key === undefined || equals?.type !== 'equals' || value === undefined) return undefined
    if (value.type === 'equals' || value.type === 'end' || key.type === 'equals') return undefined
    options.set(key.text, value.text)
  }
  return { module: name.text.slice(name.text.lastIndexOf('.') + 1), options }
}

interface Token {
  readonly type: 'word' | 'equals' | 'end'
  readonly text: string
}

/** Undefined for a quote that does not end, or text after the semicolon. */
function tokens(text: string): readonly Token[] | undefined {
  const found: Token[] = []
  const pattern = /\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(=)|(;)|([^\s"'=;]+))/sy
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    if (match === null) return /^\s*$/.test(text.slice(at)) ? found : undefined
    if (found.at(-1)?.type === 'end') return undefined
    const [, double, single, equals, end, word = ''] = match
    const quoted = double ?? single
    if (quoted !== undefined) found.push({ type: 'word', text: unescaped(quoted) })
    else if (equals !== undefined) found.push({ type: 'equals', text: equals })
    else if (end !== undefined) found.push({ type: 'end', text: end })
    else found.push({ type: 'word', text: word })
  }
  return found
}

/** As Java's tokenizer does: the usual letters, octal numbers, and any other character itself. */
function unescaped(text: string): string {
  return text.replaceAll(/\\(?:([0-3][0-7]{0,2}|[4-7][0-7]?)|(.))/gs, (_, octal?: string, character = '') =>
    octal === undefined ? (escapes[character] ?? character) : String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
