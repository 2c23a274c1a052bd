import { type ErrorCode, errorCodes } from './error-codes.ts'

/** Where an error belongs. Never holds a secret. */
export interface ErrorDetails {
  readonly topic?: string
  readonly partition?: number
  readonly offset?: bigint
  readonly group?: string
  readonly object?: string
  readonly broker?: string
  readonly [key: string]: unknown
}

export interface ErrorOptions {
  /** What the reader should do next, one sentence. */
  readonly hint?: string
  /** Whether the same call may succeed later. Decided where the error is born. */
  readonly retriable?: boolean
  readonly details?: ErrorDetails
  readonly cause?: unknown
}

/** The one error class: one sentence, a stable code, where it happened, and what to do next. */
export class TidemarkError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retriable: boolean
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TidemarkError'
    this.code = code
    this.hint = options.hint
    this.retriable = options.retriable ?? false
    this.details = options.details ?? {}
  }

  /** Exit status of a command that ends with this error. */
  get exit(): number {
    return errorCodes[this.code].exit
  }
}

/** Narrows to a {@link TidemarkError}, with a given code if one is named. */
export function isTidemarkError(error: unknown, code?: ErrorCode): error is TidemarkError {
  return error instanceof TidemarkError && (code === undefined || error.code === code)
}

/** Throws INTERNAL unless the condition holds: for invariants, never for input. */
export function invariant(condition: unknown, message: string, details?: ErrorDetails): asserts condition {
  if (!condition) {
    throw new TidemarkError('INTERNAL', message, {
      ...(details && { details }),
      hint: 'Please report this with the details shown.',
    })
  }
}
