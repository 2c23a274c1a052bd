import { TidemarkError } from '../base/index.ts'

const longestKey = 1024
const longestSegment = 255
/** What no key may hold: control characters (they cannot be listed by S3's XML) and halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const unfit = /[\u0000-\u001f\u007f\ufffe\uffff]/

/** Folder of a filesystem store that holds unfinished files. Holds a character that no topic name may have. */
export const hiddenFolder = '.tidemark~writing'

/** Why a key cannot be used in any store, or undefined when it can. */
export function keyFault(key: string): string | undefined {
  if (key.length === 0) return 'it is empty'
  if (!key.isWellFormed() || unfit.test(key)) return 'it holds a control character or broken Unicode'
  if (Buffer.byteLength(key) > longestKey) return `it is longer than ${longestKey} bytes`
  for (const segment of key.split('/')) {
    if (segment === '') return 'a part between slashes is empty'
    if (segment === '.' || segment === '..') return `it has a part ${JSON.stringify(segment)}`
    if (segment === hiddenFolder) return `${hiddenFolder} is kept for unfinished files`
    if (Buffer.byteLength(segment) > longestSegment) return `a part is longer than ${longestSegment} bytes`
  }
  return undefined
}

/** Throws STORAGE_KEY_INVALID unless the key can be used in every store. */
export function checkKey(key: string): void {
  const fault = keyFault(key)
  if (fault !== undefined) throw keyInvalid(key, fault)
}

/** Throws STORAGE_KEY_INVALID unless some key can start with the prefix. The empty prefix means everything. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') return
  const fault = prefix.endsWith('/') ? keyFault(prefix.slice(0, -1)) : keyFault(`${prefix}x`)
  if (fault !== undefined) throw keyInvalid(prefix, fault)
}

/** The error for a name that a store cannot hold. */
export function keyInvalid(key: string, fault: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    'STORAGE_KEY_INVALID',
    `The object name ${JSON.stringify(key)} cannot be used: ${fault}`,
    {
      details: { object: key },
      ...(cause !== undefined && { cause }),
    },
  )
}

/** Order of the UTF-8 bytes, without encoding: UTF-16 differs only where surrogates meet U+E000 and above. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
