import { isTidemarkError } from '../base/index.ts'
import { asTidemarkError, errorObject, errorText } from './render/error-text.ts'
import { jsonText } from './render/machine-formats.ts'
import type { Session } from './session.ts'

/** Says on stderr what ended a command, and answers its exit status. */
export function reportError(thrown: unknown, session: Session): number {
  session.settle()
  const reason: unknown = session.signal.aborted ? session.signal.reason : undefined
  const interrupted = isTidemarkError(thrown, 'INTERRUPTED') || (isAbort(thrown) && isTidemarkError(reason))
  const error = asTidemarkError(interrupted && isTidemarkError(reason) ? reason : thrown)
  session.err.write(session.jsonErrors ? jsonText(errorObject(error)) : errorText(error, session.debug))
  return error.exit
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}
