const plain = /^[A-Za-z0-9_./:@%+,=-]+$/

/**
 * A word that bash reads back as exactly this text, whatever it holds, on one line: as it is where nothing in
 * it means anything to bash, else quoted. Throws nothing; text with a NUL cannot be an argument and is for
 * the caller to refuse.
 */
export function bashQuote(text: string): string {
  if (plain.test(text)) return text
  if (!/\p{Cc}|\u2028|\u2029/u.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll(/\p{Cc}/gu, (c) => {
      const code = c.codePointAt(0) ?? 0
      // Octal of the UTF-8 bytes: three digits never run into what follows.
      return code < 0x80
        ? `\\${code.toString(8).padStart(3, '0')}`
        : [...Buffer.from(c)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    })
  return `$'${escaped}'`
}
