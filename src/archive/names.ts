import { randomBytes } from 'node:crypto'
import { TidemarkError } from '../base/index.ts'

const idPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const runIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

/** Whether a text can be a backup id or a restore id: safe as the name of a folder in every store. */
export function isSafeId(id: string): boolean {
  return idPattern.test(id)
}

/** Throws CONFIG_INVALID unless the text can be a backup id or a restore id. */
export function checkId(what: 'backup' | 'restore', id: string): void {
  if (isSafeId(id)) return
  throw new TidemarkError('CONFIG_INVALID', `${JSON.stringify(id)} cannot be a ${what} id`, {
    hint: 'Use 1 to 128 letters, digits, dots, underscores and dashes, beginning with a letter, a digit or an underscore.',
  })
}

export function isRunId(id: string): boolean {
  return runIdPattern.test(id)
}

/** An id that no other run ever has: the time of its start (UTC) and 48 random bits. */
export function newRunId(now: number): string {
  const time = new Date(now).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
  return `${time}-${randomBytes(6).toString('hex')}`
}

/** 128 random bits, hex. */
export function newToken(): string {
  return randomBytes(16).toString('hex')
}

/** A number as keys hold it: 20 digits, so that keys sort as numbers do. */
export function digits20(value: number | bigint): string {
  return String(value).padStart(20, '0')
}
