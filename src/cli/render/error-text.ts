import { type ErrorDetails, isTidemarkError, TidemarkError } from '../../base/index.ts'
import { plainNumbers } from './machine-formats.ts'
import { printable } from './table.ts'

/** Any thrown value as the one error class; what is not ours is a defect. */
export function asTidemarkError(error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TidemarkError('INTERNAL', `Unexpected: ${message}`, {
    cause: error,
    hint: 'Please report this with the command line; --log-level debug shows where it happened.',
  })
}

/**
 * One sentence, the code, the place, what to do next:
 *
 *     Error: Consumer group 'x' not found [GROUP_NOT_FOUND] at x
 *       hint: …
 */
export function errorText(error: TidemarkError, debug: boolean): string {
  const place = placeText(error.details)
  const [sentence = '', ...more] = error.message.split('\n').map(printable)
  const lines = [
    `Error: ${sentence} [${error.code}]${place === '' ? '' : ` at ${printable(place)}`}`,
    ...more,
  ]
  const cause = causeText(error)
  if (cause !== undefined) lines.push(`  cause: ${printable(cause)}`)
  if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`)
  if (debug && error.stack !== undefined) lines.push(deepStack(error))
  return `${lines.join('\n')}\n`
}

/** The error object of `-o json`. */
export function errorObject(error: TidemarkError): Readonly<Record<string, unknown>> {
  return {
    error: {
      code: error.code,
      exit: error.exit,
      message: error.message,
      hint: error.hint ?? null,
      cause: causeText(error) ?? null,
      details: plainNumbers(error.details),
    },
  }
}

/** What went wrong in one line, with what to do: for what is left out while the rest goes on. */
export function lineOfError(error: unknown): string {
  const { message, hint } = asTidemarkError(error)
  return hint === undefined ? message : `${message}. ${hint}`
}

/** Where: `group/topic/partition@offset`, then broker and object. */
export function placeText(details: ErrorDetails): string {
  const { group, topic, partition, offset, broker, object } = details
  const path = [group, topic, partition].filter((part) => part !== undefined).join('/')
  const at = offset === undefined ? path : `${path}@${offset}`
  return [at, broker, object].filter((part) => part !== undefined && part !== '').join(' ')
}

function causeText(error: TidemarkError): string | undefined {
  const cause = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause
  if (!(cause instanceof Error) || cause.message === '' || error.message.includes(cause.message))
    return undefined
  return cause.message.split('\n')[0]
}

function deepStack(error: Error): string {
  const own = error.stack ?? ''
  return error.cause instanceof Error ? `${own}\ncaused by: ${deepStack(error.cause)}` : own
}
