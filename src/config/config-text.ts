import { readFileSync } from 'node:fs'
import { fileReason, TidemarkError } from '../base/index.ts'

/** The text of a file that the user named; `what` is what it is called in the error, for example `configuration`. Throws FILE_NOT_READABLE. */
export function configText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = fileReason(cause)
    throw new TidemarkError('FILE_NOT_READABLE', `The ${what} file ${file} cannot be read: ${why}`, { cause })
  }
}
