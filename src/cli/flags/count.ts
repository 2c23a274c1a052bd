import { TidemarkError } from '../../base/index.ts'

/** A whole number of at least 0. Throws USAGE for anything else. */
export function countOf(text: string, flag: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : undefined
  if (count !== undefined) return count
  throw new TidemarkError('USAGE', `${flag} needs a whole number, got ${JSON.stringify(text)}`)
}
