import { type Fields, toInteger } from './fields.ts'
import type { OffsetRange } from './model.ts'
import { jsonInteger } from './sealed-json.ts'

/** Ranges in order as `skip, length, skip, length, …` from a start on: short numbers, of which there may be many. */
export function encodeAborted(from: bigint, ranges: readonly OffsetRange[]): readonly (number | string)[] {
  let at = from
  return ranges.flatMap((range) => {
    const pair = [jsonInteger(range.from - at), jsonInteger(range.to - range.from)]
    at = range.to
    return pair
  })
}

/** The reverse of {@link encodeAborted}. Throws ARCHIVE_DAMAGED. */
export function decodeAborted(from: bigint, fields: Fields, name: string): readonly OffsetRange[] {
  const numbers = fields.list(name).map((value) => toInteger(value) ?? fields.wrong(name, 'integers'))
  if (numbers.length % 2 !== 0) fields.wrong(name, 'pairs')
  const ranges: OffsetRange[] = []
  let at = from
  for (let i = 0; i < numbers.length; i += 2) {
    const start = at + (numbers[i] ?? 0n)
    at = start + (numbers[i + 1] ?? 0n)
    ranges.push({ from: start, to: at })
  }
  return ranges
}
