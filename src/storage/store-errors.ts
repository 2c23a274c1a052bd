import { TidemarkError } from '../base/index.ts'

/** STORAGE_NOT_FOUND: `url` says in which store. */
export function notFound(key: string, url: string, cause?: unknown): TidemarkError {
  return new TidemarkError('STORAGE_NOT_FOUND', `There is no object ${key} in ${url}`, {
    details: { object: key },
    ...(cause !== undefined && { cause }),
  })
}

/** ARCHIVE_DAMAGED: an object is shorter than whoever reads it was told. `size` is −1 where the store did not say. */
export function endsBefore(key: string, size: number, position: number, length: number): TidemarkError {
  const end = size < 0 ? 'ends before' : `has ${size} bytes and ends before`
  return new TidemarkError('ARCHIVE_DAMAGED', `The object ${key} ${end} byte ${position + length}`, {
    details: { object: key, position, length, ...(size >= 0 && { size }) },
    hint: 'The object was cut or replaced: run validate to see what the backup lacks.',
  })
}
