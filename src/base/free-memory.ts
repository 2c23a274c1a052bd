/** Up to so many bytes are not worth freeing early. */
const SMALL = 4096
/** Of Node's own pool, which is smaller, others may hold a part: what is larger is nobody's but the caller's. */
const POOL = 64 << 10

/**
 * Frees memory now that nobody has seen but the caller, who needs it no more. Left to the garbage collector, such pieces would set off a
 * whole collection for every few dozen megabytes. What is part of a larger piece is left alone: others may use the rest.
 */
export function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > SMALL)
    buffer.transfer(0)
}

/**
 * The same for what a library has collected in a piece of its own, of which the buffer may show a part only. A piece that may
 * be of Node's pool is left alone. Afterwards the buffer is empty: its length is to be asked for before.
 */
export function freeBehind({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > POOL) buffer.transfer(0)
}
