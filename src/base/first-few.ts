/** The first of a list for a sentence, the others counted: `a, b and 3 more`. */
export function firstFew(texts: readonly string[], most = 10): string {
  const shown = texts.slice(0, most).join(', ')
  return texts.length > most ? `${shown} and ${texts.length - most} more` : shown
}
