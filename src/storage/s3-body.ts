import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from '@node-rs/crc32'
import { freeWhole } from '../base/index.ts'
import { piecesOf } from './bytes.ts'
import { type Receiver, receiverOf } from './s3-sockets.ts'
import type { Bytes } from './store.ts'

/** What the SDK sends: the buffers as they are, without joining them. */
export function bodyOf(bytes: Bytes): Buffer | Readable {
  const pieces = piecesOf(bytes)
  const [only] = pieces
  if (only === undefined) return Buffer.alloc(0)
  if (pieces.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  return Readable.from(pieces)
}

/** CRC-32 in base64, as S3 wants it. */
export function crc32Of(bytes: Bytes): string {
  let sum = 0
  for (const piece of piecesOf(bytes)) sum = crc32(piece, sum)
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
 * Fills `target` with the body of an answer as it arrives. Rejects with a passing error (name `IncompleteBody`) when
 * the connection ends before the target is full, and with the signal's reason when aborted. Nothing is written to the
 * target afterwards.
 */
export async function readBody(
  body: unknown,
  target: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(body instanceof Readable)) throw cutShort(0, target.length)
  const receiver = receiverOf(body)
  try {
    await new Promise<void>((resolve, reject) => {
      let at = 0
      receiver?.begin({
        target,
        get position() {
          return body.readableLength === 0 ? at : undefined
        },
      })
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
        try {
          at = take(chunk, target, at, receiver)
        } catch (error) {
          body.destroy(error instanceof Error ? error : new Error(String(error)))
        }
      })
      body.once('end', () => finish())
      body.once('error', finish)
      body.once('close', () => finish(at === target.length ? undefined : cutShort(at, target.length)))
    })
  } catch (error) {
    body.destroy()
    throw error
  } finally {
    receiver?.end()
  }
}

/** Answers the position behind the chunk. */
function take(chunk: Buffer, target: Buffer, at: number, receiver: Receiver | undefined): number {
  const { length } = chunk
  if (at + length > target.length) throw new Error('the server sent more than it had announced')
  if (receiver?.holds(at, length) !== true) chunk.copy(target, at)
  // The HTTP parser makes a copy of every piece of a body, which nobody else has seen.
  if (receiver) freeWhole(chunk)
  return at + length
}

function cutShort(have: number, wanted: number): Error {
  const error = new Error(`the connection ended after ${have} of ${wanted} bytes`)
  error.name = 'IncompleteBody'
  return error
}
