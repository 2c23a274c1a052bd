/**
 * The hash of Java's default partitioner (murmur2, 32 bits, seed 0x9747b28c), as a signed number.
 */
export function murmur2(key: Uint8Array): number {
  const length = key.length
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ length
  const whole = length & ~3
  for (let at = 0; at < whole; at += 4) {
    let k = byte(key, at) | (byte(key, at + 1) << 8) | (byte(key, at + 2) << 16) | (byte(key, at + 3) << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(k, m)
  }
  const rest = length & 3
  if (rest >= 3) hash ^= byte(key, whole + 2) << 16
  if (rest >= 2) hash ^= byte(key, whole + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(key, whole), m)
  hash ^= hash >>> 13
  hash = Math.imul(hash, m)
  return hash ^ (hash >>> 15)
}

function byte(key: Uint8Array, at: number): number {
  return key[at] as number
}

/**
 * The partition that Java's producer gives a record with this key among `partitions` of them; an empty key is a key. Undefined for a null key:
 * there the producer chooses freely.
 */
export function partitionForKey(key: Uint8Array | null, partitions: number): number | undefined {
  return key === null ? undefined : (murmur2(key) & 0x7fff_ffff) % partitions
}
