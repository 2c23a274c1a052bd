import type { ChunkWork, ChunkWorkDone } from './chunk-work.ts'

/** A piece of memory that threads share, as it is sent between them. */
interface Piece {
  readonly memory: SharedArrayBuffer
  readonly offset: number
  readonly length: number
}

type Sent<Work> = Work extends { readonly target: Buffer }
  ? Omit<Work, 'bytes' | 'target'> & { readonly bytes: Piece; readonly target: Piece }
  : Omit<Work, 'bytes'> & { readonly bytes: Piece }

/** Work for another thread. */
export type Request = Sent<ChunkWork> & { readonly id: number }

/** What the other thread answers. */
export type Answer = { readonly id: number } & (
  | { readonly done: ChunkWorkDone; readonly error?: never }
  | { readonly error: Error; readonly done?: never }
)

/** Work as it is sent; all its memory must be shared. */
export function toMessage(work: ChunkWork, id: number): Request {
  const bytes = pieceOf(work.bytes)
  return work.type === 'digest'
    ? { ...work, id, bytes }
    : { ...work, id, bytes, target: pieceOf(work.target) }
}

/** The work of a message, on the same memory. */
export function fromMessage(request: Request): ChunkWork {
  const bytes = bufferOf(request.bytes)
  return request.type === 'digest'
    ? { ...request, bytes }
    : { ...request, bytes, target: bufferOf(request.target) }
}

/** Whether other threads can work on the bytes where they lie. */
export function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

function pieceOf({ buffer, byteOffset, length }: Buffer): Piece {
  if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('the memory is not shared between threads')
  return { memory: buffer, offset: byteOffset, length }
}

function bufferOf({ memory, offset, length }: Piece): Buffer {
  return Buffer.from(memory, offset, length)
}
