import { createHash } from 'node:crypto'
import { fromJson, toJson } from './json.ts'

/*
 * A state object, big endian:
 *
 *     "TMRS"            4 bytes
 *     version           u32     1
 *     header length     u32
 *     blobs             u32     how many
 *     lengths           u32 each
 *     header            JSON, UTF-8
 *     blobs             one after the other
 *     SHA-256           of all before, 32 bytes
 */
const MAGIC = 'TMRS'
const VERSION = 1
const FIXED = 16
const DIGEST = 32

/** What a state object holds: a JSON value, and bytes that it refers to by number. */
export interface StateContent {
  readonly header: unknown
  readonly blobs: readonly Buffer[]
}

/** The bytes of a state object, in pieces. */
export function encodeState({ header, blobs }: StateContent): Buffer[] {
  const json = Buffer.from(toJson(header))
  const front = Buffer.alloc(FIXED + 4 * blobs.length)
  front.write(MAGIC, 0, 'latin1')
  front.writeUInt32BE(VERSION, 4)
  front.writeUInt32BE(json.length, 8)
  front.writeUInt32BE(blobs.length, 12)
  for (const [i, blob] of blobs.entries()) front.writeUInt32BE(blob.length, FIXED + 4 * i)
  const parts = [front, json, ...blobs]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return [...parts, hash.digest()]
}

/** Reads a state object; undefined when the bytes are not one, are cut or changed. */
export function decodeState(bytes: Buffer): StateContent | undefined {
  if (bytes.length < FIXED + DIGEST || bytes.toString('latin1', 0, 4) !== MAGIC) return undefined
  const content = bytes.subarray(0, bytes.length - DIGEST)
  const digest = createHash('sha256').update(content).digest()
  if (!digest.equals(bytes.subarray(content.length)) || bytes.readUInt32BE(4) !== VERSION) return undefined
  const jsonLength = bytes.readUInt32BE(8)
  const count = bytes.readUInt32BE(12)
  let at = FIXED + 4 * count
  const json = bytes.toString('utf8', at, at + jsonLength)
  at += jsonLength
  const blobs: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const end = at + bytes.readUInt32BE(FIXED + 4 * i)
    blobs.push(bytes.subarray(at, end))
    at = end
  }
  try {
    return at === content.length ? { header: fromJson(json), blobs } : undefined
  } catch {
    return undefined
  }
}
