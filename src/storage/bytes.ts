import type { Bytes } from './store.ts'

/** The buffers that `bytes` consists of, empty ones left out. */
export function piecesOf(bytes: Bytes): readonly Uint8Array[] {
  if (bytes instanceof Uint8Array) return bytes.length === 0 ? [] : [bytes]
  return bytes.some((piece) => piece.length === 0) ? bytes.filter((piece) => piece.length > 0) : bytes
}

/** Number of bytes. */
export function sizeOf(bytes: Bytes): number {
  if (bytes instanceof Uint8Array) return bytes.length
  let size = 0
  for (const piece of bytes) size += piece.length
  return size
}

/** The pieces from byte `from` up to byte `to`, without copying. */
export function sliceOf(bytes: Bytes, from: number, to: number): Uint8Array[] {
  const slices: Uint8Array[] = []
  let at = 0
  for (const piece of piecesOf(bytes)) {
    const start = Math.max(0, from - at)
    const end = Math.min(piece.length, to - at)
    if (start < end) slices.push(piece.subarray(start, end))
    at += piece.length
  }
  return slices
}
