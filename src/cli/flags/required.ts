import { TidemarkError } from '../../base/index.ts'

/** The value of a flag that a command cannot do without. (The parser's own check would hide mistyped flags.) */
export function required<T>(value: T | undefined, flag: string): T {
  if (value !== undefined) return value
  throw new TidemarkError('USAGE', `${flag} is missing`, {
    hint: 'Add --help to the command to see its flags.',
  })
}
