import { createHash, timingSafeEqual } from 'node:crypto'
import { Der } from './client-properties-der.ts'
import { type StoreContents, StoreUnreadable } from './client-properties-pkcs12.ts'

/** The algorithm with which Sun's key store hides a private key. */
const hiding = '1.3.6.1.4.1.42.2.17.1.1'

/** Whether a file is a Java key store of the old form. */
export function isJks(bytes: Buffer): boolean {
  return bytes.length > 12 && bytes.readUInt32BE(0) === 0xfeedfeed
}

/**
 * Reads a Java key store of the old form (JKS):
 *
 *     magic, version, count        u32 each
 *     each entry                   tag u32 (1 = key, 2 = trusted certificate), alias, date u64
 *       key                        length u32 and bytes, count of certificates u32, then those
 *       certificate                type (version 2 only), length u32 and bytes
 *     digest                       SHA-1 over password, a phrase and all before
 *
 * Certificates lie in the open; the password seals the whole and hides the keys. Throws {@link StoreUnreadable}.
 */
export function readJks(
  bytes: Buffer,
  storePassword: string | undefined,
  keyPassword: string,
): StoreContents {
  try {
    if (storePassword !== undefined) checkSeal(bytes, storePassword)
    let at = 4
    const number = () => {
      at += 4
      return bytes.readUInt32BE(at - 4)
    }
    const take = (length: number) => {
      if (length > bytes.length - at) throw new RangeError('cut')
      at += length
      return bytes.subarray(at - length, at)
    }
    const text = () => take(take(2).readUInt16BE(0))
    const version = number()
    const certificate = () => {
      if (version === 2) text()
      return take(number())
    }
    const certificates: Buffer[] = []
    const keys: Buffer[] = []
    for (let left = number(); left > 0; left--) {
      const tag = number()
      text()
      take(8)
      if (tag === 1) {
        keys.push(reveal(take(number()), keyPassword))
        for (let chain = number(); chain > 0; chain--) certificates.push(certificate())
      } else if (tag === 2) certificates.push(certificate())
      else throw new RangeError('an entry of unknown kind')
    }
    return { certificates, keys }
  } catch (error) {
    if (error instanceof StoreUnreadable) throw error
    throw new StoreUnreadable('it is a damaged Java key store', { cause: error })
  }
}

function checkSeal(bytes: Buffer, password: string): void {
  const expected = bytes.subarray(-20)
  const found = createHash('sha1')
    .update(wide(password))
    .update('Mighty Aphrodite')
    .update(bytes.subarray(0, -20))
    .digest()
  if (!timingSafeEqual(found, expected)) throw new StoreUnreadable('the password is wrong, or it is damaged')
}

/** Salt (20 bytes), the key under a stream of chained SHA-1, a digest over password and key. */
function reveal(encrypted: Buffer, password: string): Buffer {
  const info = Der.read(encrypted)
  if (info.child(0).child(0).oid !== hiding) throw new StoreUnreadable('its key is hidden in an unknown way')
  const bytes = info.child(1).value
  if (bytes.length < 40) throw new RangeError('cut')
  const key = Buffer.from(bytes.subarray(20, -20))
  let stream = bytes.subarray(0, 20)
  for (let at = 0; at < key.length; at += 20) {
    stream = createHash('sha1').update(wide(password)).update(stream).digest()
    for (let i = 0; i < 20 && at + i < key.length; i++) {
      key.writeUInt8(key.readUInt8(at + i) ^ stream.readUInt8(i), at + i)
    }
  }
  const found = createHash('sha1').update(wide(password)).update(key).digest()
  if (!timingSafeEqual(found, bytes.subarray(-20)))
    throw new StoreUnreadable('the password of its key is wrong')
  return key
}

function wide(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}
