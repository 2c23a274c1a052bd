import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { Der } from './client-properties-der.ts'

/** What a key store holds, in DER. */
export interface StoreContents {
  readonly certificates: readonly Buffer[]
  /** PKCS#8. */
  readonly keys: readonly Buffer[]
}

/** Why a store cannot be read: a sentence without secrets. */
export class StoreUnreadable extends Error {}

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  nestedBag: '1.2.840.113549.1.12.10.1.6',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  tripleDes: '1.2.840.113549.1.12.1.3',
} as const

const ciphers: Readonly<Record<string, readonly [name: string, keyLength: number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
}
const pseudoRandom: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const digests: Readonly<Record<string, readonly [name: string, block: number]>> = {
  '1.3.14.3.2.26': ['sha1', 64],
  '2.16.840.1.101.3.4.2.1': ['sha256', 64],
  '2.16.840.1.101.3.4.2.2': ['sha384', 128],
  '2.16.840.1.101.3.4.2.3': ['sha512', 128],
}

/**
 * Reads a PKCS#12 store (RFC 7292) as today's keytool and OpenSSL write it: PBES2 with AES, or triple DES. Throws
 * {@link StoreUnreadable}, also for a wrong password.
 */
export function readPkcs12(bytes: Buffer, password: string): StoreContents {
  try {
    const pfx = Der.read(bytes)
    const safe = pfx.child(1)
    if (safe.child(0).oid !== oids.data) throw new StoreUnreadable('it is signed with a public key')
    const content = safe.child(1).child(0).value
    checkMac(pfx.children[2], content, password)
    const certificates: Buffer[] = []
    const keys: Buffer[] = []
    const takeBags = (contents: Buffer): void => {
      for (const bag of Der.read(contents).children) {
        const kind = bag.child(0).oid
        const value = bag.child(1).child(0)
        if (kind === oids.certBag) certificates.push(value.child(1).child(0).value)
        else if (kind === oids.keyBag) keys.push(whole(value))
        else if (kind === oids.shroudedKeyBag)
          keys.push(decrypt(value.child(0), value.child(1).value, password))
        else if (kind === oids.nestedBag) takeBags(whole(value))
      }
    }
    for (const info of Der.read(content).children) {
      const kind = info.child(0).oid
      if (kind === oids.data) takeBags(info.child(1).child(0).value)
      else if (kind === oids.encryptedData) {
        const encrypted = info.child(1).child(0).child(1)
        takeBags(decrypt(encrypted.child(1), encrypted.child(2).value, password))
      } else throw new StoreUnreadable('it is encrypted with a public key')
    }
    return { certificates, keys }
  } catch (error) {
    if (error instanceof StoreUnreadable) throw error
    throw new StoreUnreadable('it is not a PKCS#12 store, or is damaged', { cause: error })
  }
}

/** The element with tag and length again. */
function whole({ tag, value }: Der): Buffer {
  const length =
    value.length < 0x80
      ? Buffer.of(value.length)
      : Buffer.concat([Buffer.of(0x84), Buffer.from(value.length.toString(16).padStart(8, '0'), 'hex')])
  return Buffer.concat([Buffer.of(tag), length, value])
}

/** A wrong password shows here, before anything is decrypted to rubbish. Other ways of sealing are left unchecked. */
function checkMac(mac: Der | undefined, content: Buffer, password: string): void {
  if (mac === undefined) return
  const digest = digests[mac.child(0).child(0).child(0).oid]
  if (digest === undefined) return
  const expected = mac.child(0).child(1).value
  const iterations = mac.children[2]?.integer ?? 1
  const key = derive(digest, 3, password, mac.child(1).value, iterations, expected.length)
  const found = createHmac(digest[0], key).update(content).digest()
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) {
    throw new StoreUnreadable('the password is wrong, or it is damaged')
  }
}

function decrypt(algorithm: Der, bytes: Buffer, password: string): Buffer {
  const kind = algorithm.child(0).oid
  const parameters = algorithm.child(1)
  if (kind === oids.tripleDes) {
    const salt = parameters.child(0).value
    const iterations = parameters.child(1).integer
    const key = derive(['sha1', 64], 1, password, salt, iterations, 24)
    const vector = derive(['sha1', 64], 2, password, salt, iterations, 8)
    return decipher('des-ede3-cbc', key, vector, bytes)
  }
  if (kind !== oids.pbes2) throw new StoreUnreadable('it is encrypted with an algorithm of old (RC2 or RC4)')
  const [kdf, scheme] = parameters.children
  const cipher = scheme && ciphers[scheme.child(0).oid]
  if (kdf === undefined || scheme === undefined || kdf.child(0).oid !== oids.pbkdf2 || cipher === undefined) {
    throw new StoreUnreadable('it is encrypted with an algorithm that is not known here')
  }
  const [salt, iterations, ...rest] = kdf.child(1).children
  const prf = rest.find(({ tag }) => tag === 0x30)
  const hash = prf === undefined ? 'sha1' : pseudoRandom[prf.child(0).oid]
  if (salt === undefined || iterations === undefined || hash === undefined) {
    throw new StoreUnreadable('it is encrypted with an algorithm that is not known here')
  }
  const key = pbkdf2Sync(Buffer.from(password, 'utf8'), salt.value, iterations.integer, cipher[1], hash)
  return decipher(cipher[0], key, scheme.child(1).value, bytes)
}

function decipher(name: string, key: Buffer, vector: Buffer, bytes: Buffer): Buffer {
  try {
    const cipher = createDecipheriv(name, key, vector)
    return Buffer.concat([cipher.update(bytes), cipher.final()])
  } catch (cause) {
    throw new StoreUnreadable('the password is wrong, or it is damaged', { cause })
  }
}

/** Key derivation of PKCS#12 (RFC 7292, appendix B.2). `id` 1 = key, 2 = initial vector, 3 = MAC. */
function derive(
  [hash, block]: readonly [string, number],
  id: number,
  password: string,
  salt: Buffer,
  iterations: number,
  length: number,
): Buffer {
  const diversifier = Buffer.alloc(block, id)
  const filled = (bytes: Buffer) =>
    bytes.length === 0 ? bytes : Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes)
  const input = Buffer.concat([filled(salt), filled(bmp(password))])
  const parts: Buffer[] = []
  for (let have = 0; have < length; ) {
    let part = createHash(hash).update(diversifier).update(input).digest()
    for (let i = 1; i < iterations; i++) part = createHash(hash).update(part).digest()
    parts.push(part)
    have += part.length
    const add = Buffer.alloc(block, part)
    for (let at = 0; at < input.length; at += block) addOne(input, at, add)
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** `input[at, at + block) += add + 1`, as one large number. */
function addOne(input: Buffer, at: number, add: Buffer): void {
  let carry = 1
  for (let i = add.length - 1; i >= 0; i--) {
    const sum = input.readUInt8(at + i) + add.readUInt8(i) + carry
    input.writeUInt8(sum & 0xff, at + i)
    carry = sum >> 8
  }
}

/** UTF-16, big endian, with two zero bytes at its end. */
function bmp(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le').swap16()
}
