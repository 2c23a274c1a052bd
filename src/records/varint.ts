/** Zigzag variable-length integers as records use them: how many bytes they take, and writing them. Reading is in `record-cursor.ts`. */

/** Bytes of a 32-bit value. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5
}

/** Writes a 32-bit value at `at`; answers the byte after it. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let to = at
  while (zigzag >= 0x80) {
    target[to++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  target[to++] = zigzag
  return to
}

/** Bytes of a 64-bit value. */
export function varlongSize(value: bigint): number {
  let zigzag = zigzag64(value)
  let bytes = 1
  for (; zigzag >= 0x80n; zigzag >>= 7n) bytes++
  return bytes
}

/** Writes a 64-bit value at `at`; answers the byte after it. */
export function writeVarlong(target: Buffer, at: number, value: bigint): number {
  let zigzag = zigzag64(value)
  let to = at
  for (; zigzag >= 0x80n; zigzag >>= 7n) target[to++] = Number(zigzag & 0x7fn) | 0x80
  target[to++] = Number(zigzag)
  return to
}

function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}
