/**
 * Reads the text of a Java properties file: `key=value`, `key: value` or `key value`; `#` and `!` begin comments; a backslash at
 * the end of a line joins the next one to it, leading blanks left out; `\t \n \r \f \uXXXX` are escapes, and any other escaped
 * character is itself. Of a key given twice the last counts.
 */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const properties = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const [, key = '', value = ''] =
      /^((?:\\.|[^\\=:\s])*)(?:[ \t\f]*[=:][ \t\f]*|[ \t\f]+|$)(.*)$/s.exec(line) ?? []
    properties.set(unescaped(key), unescaped(value))
  }
  return properties
}

function* logicalLines(text: string): Generator<string, void> {
  let joined: string | undefined
  for (const natural of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    const line = natural.replace(/^[ \t\f]+/, '')
    if (joined === undefined && (line === '' || /^[#!]/.test(line))) continue
    const goesOn = /(?:^|[^\\])(?:\\\\)*\\$/.test(line)
    const part: string = (joined ?? '') + (goesOn ? line.slice(0, -1) : line)
    if (goesOn) joined = part
    else {
      joined = undefined
      yield part
    }
  }
  if (joined !== undefined && joined !== '') yield joined
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:u([0-9A-Fa-f]{4})|(.))/gs, (_, code?: string, character = '') =>
    code === undefined ? (escapes[character] ?? character) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}
