import { TidemarkError } from '../../base/index.ts'

/**
 * The names and patterns in the values of a flag: lists separated by commas, except in a regular expression, where a comma may
 * mean itself. Throws USAGE for a value without any: a variable that is empty must not come to mean all.
 */
export function splitPatterns(values: readonly string[], flag: string): readonly string[] {
  return values.flatMap((value) => {
    const names = value.startsWith('~')
      ? [value]
      : value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
    if (names.length > 0) return names
    throw new TidemarkError('USAGE', `${flag} names nothing: its value is ${JSON.stringify(value)}`, {
      hint: `Leave ${flag} out where everything is meant, if it can be.`,
    })
  })
}
