import { type ErrorDetails, TidemarkError } from '../base/index.ts'

/** ARCHIVE_DAMAGED: an object is not what it should be. `what` continues the sentence "The object … ". */
export function damaged(
  object: string,
  what: string,
  details: ErrorDetails = {},
  cause?: unknown,
): TidemarkError {
  return new TidemarkError('ARCHIVE_DAMAGED', `The object ${object} ${what}`, {
    hint: 'Run `kafka-backup validate --deep` to see all that is damaged, and bring the object back from another copy.',
    details: { ...details, object },
    ...(cause !== undefined && { cause }),
  })
}

/** ARCHIVE_TOO_NEW: an object was written by a newer program. */
export function tooNew(object: string, format: number, known: number): TidemarkError {
  return new TidemarkError(
    'ARCHIVE_TOO_NEW',
    `The object ${object} has format ${format}, this program knows formats up to ${known}`,
    { hint: 'Use the version of the program that wrote it, or a newer one.', details: { object, format } },
  )
}
