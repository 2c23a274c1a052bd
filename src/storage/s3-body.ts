import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32c } from '@node-rs/crc32'
import { piecesOf } from './bytes.ts'
import type { Bytes } from './store.ts'

/** What the SDK sends: the buffers as they are, without joining them. */
export function bodyOf(bytes: Bytes): Buffer | Readable {
  const pieces = piecesOf(bytes)
  const [only] = pieces
  if (only === undefined) return Buffer.alloc(0)
  if (pieces.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  return Readable.from(pieces)
}

/** CRC-32C in base64, as S3 wants it. */
export function crc32cOf(bytes: Bytes): string {
  let sum = 0
  for (const piece of piecesOf(bytes)) sum = crc32c(piece, sum)
  const four = Buffer.alloc(4)
  four.writeUInt32BE(sum)
  return four.toString('base64')
}

/** SHA-256 in hexadecimal, as S3's signature wants it. */
export function sha256Of(bytes: Bytes): string {
  const hash = createHash('sha256')
  for (const piece of piecesOf(bytes)) hash.update(piece)
  return hash.digest('hex')
}

/**
 * Copies the body of an answer into `target` as it arrives. Rejects with a passing error (name `IncompleteBody`) when
 * the connection ends before the target is full, and with the signal's reason when aborted.
 */
export async function readBody(
  body: unknown,
  target: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(body instanceof Readable)) throw cutShort(0, target.length)
  await new Promise<void>((resolve, reject) => {
    let at = 0
    const onAbort = () => body.destroy(new Error('aborted'))
    const finish = (error?: unknown) => {
      signal?.removeEventListener('abort', onAbort)
      if (signal?.aborted) reject(signal.reason)
      else if (error !== undefined) reject(error)
      else if (at !== target.length) reject(cutShort(at, target.length))
      else resolve()
    }
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    body.on('data', (chunk: Buffer) => {
      if (at + chunk.length > target.length) {
        body.destroy(new Error('the server sent more than it had announced'))
        return
      }
      chunk.copy(target, at)
      at += chunk.length
    })
    body.once('end', () => finish())
    body.once('error', finish)
    body.once('close', () => finish(at === target.length ? undefined : cutShort(at, target.length)))
  })
}

function cutShort(have: number, wanted: number): Error {
  const error = new Error(`the connection ended after ${have} of ${wanted} bytes`)
  error.name = 'IncompleteBody'
  return error
}
