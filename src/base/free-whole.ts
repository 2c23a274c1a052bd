/** Up to so many bytes are not worth freeing early. */
const SMALL = 4096

/**
 * Frees memory now that nobody has seen but the caller, who needs it no more. Left to the garbage collector, such pieces would set off a
 * whole collection for every few dozen megabytes. What is part of a larger piece is left alone: others may use the rest.
 */
export function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > SMALL)
    buffer.transfer(0)
}
