import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate and its private key, as PEM text. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A certificate authority for one test. */
export interface Authority extends Certificate {
  /** Issues a certificate for servers and clients. `names` are host names and IPv4 addresses; it ends so many ms from now (a day). */
  issue(commonName: string, names?: readonly string[], ends?: number): Certificate
}

const oid = {
  ecdsaWithSha256: '06082a8648ce3d040302',
  commonName: '0603550403',
  basicConstraints: '0603551d13',
  keyUsage: '0603551d0f',
  extendedKeyUsage: '0603551d25',
  subjectAltName: '0603551d11',
  serverAuth: '06082b06010505070301',
  clientAuth: '06082b06010505070302',
}
const signatureAlgorithm = der(0x30, hex(oid.ecdsaWithSha256))

const day = 86_400_000

/** Makes an authority with a key of its own (EC P-256), without any tool: X.509 v3 in DER (RFC 5280), valid for a day. */
export function makeAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const constraints = der(0x30, der(0x01, Buffer.of(0xff)))
  const usage = der(0x03, Buffer.of(1, 0b0000_0110))
  const own = certificate(commonName, keys.publicKey, commonName, keys.privateKey, [
    extension(oid.basicConstraints, constraints, true),
    extension(oid.keyUsage, usage, true),
  ])
  return {
    cert: own,
    key: pem(keys.privateKey),
    issue(subject, names = [], ends = day) {
      const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const purposes = der(0x30, hex(oid.serverAuth), hex(oid.clientAuth))
      const extensions = [
        extension(oid.keyUsage, der(0x03, Buffer.of(7, 0b1000_0000)), true),
        extension(oid.extendedKeyUsage, purposes),
        ...(names.length > 0 ? [extension(oid.subjectAltName, der(0x30, ...names.map(altName)))] : []),
      ]
      const cert = certificate(subject, leaf.publicKey, commonName, keys.privateKey, extensions, ends)
      return { cert, key: pem(leaf.privateKey) }
    },
  }
}

function certificate(
  subject: string,
  key: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: readonly Buffer[],
  ends = day,
): string {
  const serial = randomBytes(12)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    signatureAlgorithm,
    name(issuer),
    der(0x30, time(-day), time(ends)),
    name(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  )
  const signature = createSign('SHA256').update(body).sign(issuerKey)
  const whole = der(0x30, body, signatureAlgorithm, der(0x03, Buffer.of(0), signature))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function name(commonName: string): Buffer {
  return der(0x30, der(0x31, der(0x30, hex(oid.commonName), der(0x0c, Buffer.from(commonName)))))
}

function time(fromNow: number): Buffer {
  const text = new Date(Date.now() + fromNow).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return der(0x18, Buffer.from(`${text}Z`))
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return der(0x30, hex(id), ...(critical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value))
}

function altName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host))
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Tag, length, value. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  if (value.length < 0x80) return Buffer.concat([Buffer.of(tag, value.length), value])
  const length = Buffer.from(value.length.toString(16).padStart(value.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, value])
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}
