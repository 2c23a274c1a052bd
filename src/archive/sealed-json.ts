import { hash } from 'node:crypto'
import { damaged, tooNew } from './damaged.ts'
import { Fields } from './fields.ts'

/** The version of the format that this program writes, and the newest that it reads. */
export const formatVersion = 1

/** What a JSON object says; integers that may leave 2^53 have gone through {@link jsonInteger}. */
export type JsonBody = { readonly kind: string; readonly format: number } & Readonly<Record<string, unknown>>

const sealLength = 79
const sealPattern = /^,\n"sha256":"([0-9a-f]{64})"\}\n$/

/** An integer as JSON holds it: a number while that is exact, else decimal text. */
export function jsonInteger(value: bigint): number | string {
  const small = Number(value)
  return Number.isSafeInteger(small) ? small : String(value)
}

/** A JSON object that carries the SHA-256 of itself (`docs/format.md`). Members and rows of arrays get lines of their own. */
export function sealJson(body: JsonBody): { readonly bytes: Buffer; readonly sha256: string } {
  const members = Object.entries(body).flatMap(([name, value]) =>
    value === undefined ? [] : [`${JSON.stringify(name)}:${text(value)}`],
  )
  const content = Buffer.from(`{\n${members.join(',\n')}`)
  const sha256 = hash('sha256', content)
  return { bytes: Buffer.concat([content, Buffer.from(`,\n"sha256":"${sha256}"}\n`)]), sha256 }
}

function text(value: unknown): string {
  if (!Array.isArray(value) || typeof value[0] !== 'object') return stringify(value)
  return `[\n${value.map(stringify).join(',\n')}]`
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? jsonInteger(v) : v))
}

/** The checksum that a JSON object carries. Throws ARCHIVE_DAMAGED when it is cut, or not what it was. */
export function checkSeal(bytes: Buffer, object: string): string {
  const end = bytes.length - sealLength
  const seal = end > 0 ? sealPattern.exec(bytes.toString('latin1', end)) : null
  if (!seal?.[1]) throw damaged(object, 'does not end with its checksum: it is cut or changed')
  if (hash('sha256', bytes.subarray(0, end)) !== seal[1]) throw damaged(object, 'does not match its checksum')
  return seal[1]
}

/**
 * Checks and reads a JSON object. Throws ARCHIVE_DAMAGED when it is not what was written or of another kind, and
 * ARCHIVE_TOO_NEW when a newer program wrote it.
 */
export function openJson(
  bytes: Buffer,
  object: string,
  kind: string,
): { readonly fields: Fields; readonly sha256: string } {
  const sha256 = checkSeal(bytes, object)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch (cause) {
    throw damaged(object, 'is not JSON', {}, cause)
  }
  const fields = new Fields(value, object)
  const format = fields.count('format')
  if (format > formatVersion) throw tooNew(object, format, formatVersion)
  const found = fields.text('kind')
  if (found !== kind) throw damaged(object, `is of the kind ${JSON.stringify(found)} instead of ${kind}`)
  return { fields, sha256 }
}
