const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1
const CONTENT_SIZE = 0x08

/**
 * Format 0 clients computed the checksum of the LZ4 frame header over the magic number too, which no LZ4 library accepts.
 * Answers a copy with the right checksum byte; input that has no room for a header is answered as it is.
 */
export function repairLegacyLz4(input: Buffer): Buffer {
  if (input.length < 7) return input
  const checksumAt = 6 + (input.readUInt8(4) & CONTENT_SIZE ? 8 : 0)
  if (input.length <= checksumAt) return input
  const repaired = Buffer.from(input)
  repaired[checksumAt] = (shortXxh32(input.subarray(4, checksumAt)) >>> 8) & 0xff
  return repaired
}

/** xxHash-32, seed 0, of fewer than 16 bytes. */
function shortXxh32(bytes: Buffer): number {
  let hash = (PRIME_5 + bytes.length) | 0
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate(hash + Math.imul(bytes.readInt32LE(at), PRIME_3), 17), PRIME_4)
  }
  for (; at < bytes.length; at++) {
    hash = Math.imul(rotate(hash + Math.imul(bytes.readUInt8(at), PRIME_5), 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
