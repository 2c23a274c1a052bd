import { type ErrorCode, isTidemarkError, systemReason, TidemarkError } from '../base/index.ts'
import { keyInvalid } from './keys.ts'
import { notFound } from './store-errors.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly retriable?: boolean
  readonly hint?: string
}

const full = 'Free space or enlarge the volume; the same command then goes on where it stopped.'
const passing = { code: 'STORAGE_UNAVAILABLE', retriable: true } as const

/** What follows from a failure; base has the words for it. */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: { code: 'STORAGE_FULL', hint: full },
  EDQUOT: { code: 'STORAGE_FULL', hint: full },
  EFBIG: {
    code: 'STORAGE_FULL',
    hint: 'Raise the limit (ulimit -f) or use a file system that takes larger files.',
  },
  EACCES: { code: 'STORAGE_DENIED', hint: 'Give this user the right to read and write the folder.' },
  EPERM: { code: 'STORAGE_DENIED' },
  EROFS: { code: 'STORAGE_DENIED', hint: 'Mount it for writing or choose another folder.' },
  EMFILE: { ...passing, hint: 'Raise the limit of open files (ulimit -n).' },
  ENFILE: passing,
  EAGAIN: passing,
  EBUSY: passing,
  ENOMEM: passing,
  ENOBUFS: passing,
  EINTR: passing,
  ETIMEDOUT: passing,
  ESTALE: passing,
  EIO: { ...passing, hint: 'Look at the system log of the machine.' },
}

const shapes: Readonly<Record<string, string>> = {
  ENAMETOOLONG: 'this file system does not take names as long as that',
  EILSEQ: 'this file system does not take names like that',
  EEXIST: 'a part of it is an object already',
  ENOTDIR: 'a part of it is an object already',
  EISDIR: 'it is the beginning of other names already',
  ENOTEMPTY: 'it is the beginning of other names already',
}

/** What a failed operation means where the system's code alone does not tell. */
export interface FileErrorOptions {
  /** False where trying again cannot help although the code alone says so. */
  readonly retriable?: boolean
  /** The operation may have taken effect. */
  readonly outcome?: 'unknown'
}

/** The system's code of a failed file operation, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/**
 * Turns the error of a file operation into a {@link TidemarkError}; one that is a TidemarkError already, and anything
 * that is no error of the system, is passed on. `doing` reads like `write orders/0/x.log`.
 */
export function fileError(
  error: unknown,
  doing: string,
  key: string,
  url: string,
  options: FileErrorOptions = {},
): unknown {
  const system = systemCode(error)
  if (isTidemarkError(error) || system === undefined || !/^E[A-Z0-9]+$/.test(system)) return error
  if (system === 'ENOENT' || system === 'ELOOP') return notFound(key, url, error)
  const shape = shapes[system]
  if (shape !== undefined) return keyInvalid(key, shape, error)
  const meaning: Meaning = meanings[system] ?? { code: 'STORAGE_UNAVAILABLE' }
  const { hint } = meaning
  return new TidemarkError(meaning.code, `Cannot ${doing} in ${url}: ${systemReason(system)}`, {
    retriable: options.retriable ?? meaning.retriable ?? false,
    details: { object: key, system, ...(options.outcome && { outcome: options.outcome }) },
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}
