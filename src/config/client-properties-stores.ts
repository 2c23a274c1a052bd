import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isJks, readJks } from './client-properties-jks.ts'
import { readPkcs12, type StoreContents, StoreUnreadable } from './client-properties-pkcs12.ts'

/** A certificate with its chain, and its key, as PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** The trusted certificates of a Java trust store (PKCS#12 or JKS, told apart by their content), as PEM. Throws {@link StoreUnreadable}. */
export function trustedFromStore(bytes: Buffer, password: string | undefined): string {
  const { certificates } = readStore(bytes, password, password ?? '')
  if (certificates.length === 0) throw new StoreUnreadable('it holds no certificates')
  return certificates.map(certificatePem).join('')
}

/** The client's certificate and key of a Java key store, as PEM. Throws {@link StoreUnreadable}. */
export function identityFromStore(
  bytes: Buffer,
  password: string | undefined,
  keyPassword: string | undefined,
): Identity {
  const { certificates, keys } = readStore(bytes, password, keyPassword ?? password ?? '')
  const [first, ...more] = keys
  if (first === undefined) throw new StoreUnreadable('it holds no private key')
  if (more.length > 0) throw new StoreUnreadable(`it holds ${keys.length} private keys, and one is needed`)
  const key = createPrivateKey({ key: first, format: 'der', type: 'pkcs8' })
  const parsed = certificates.map((der) => new X509Certificate(der))
  const own = parsed.find((certificate) => certificate.checkPrivateKey(key))
  if (own === undefined) throw new StoreUnreadable('it holds no certificate of its private key')
  const chain = [own, ...parsed.filter((certificate) => certificate !== own)]
  return {
    cert: chain.map((certificate) => certificatePem(certificate.raw)).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** PEM as OpenSSL wants it: a continued line of a properties file joins all of it with blanks. */
export function wrappedPem(text: string | undefined): string | undefined {
  return text?.replaceAll(
    /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----\s*/g,
    (_, kind: string, body: string) => pem(kind, body.replaceAll(/\s/g, '')),
  )
}

function readStore(bytes: Buffer, password: string | undefined, keyPassword: string): StoreContents {
  if (isJks(bytes)) return readJks(bytes, password, keyPassword)
  if (bytes.length > 4 && bytes.readUInt32BE(0) === 0xcececece) {
    throw new StoreUnreadable('it is a JCEKS store')
  }
  if (bytes[0] !== 0x30) throw new StoreUnreadable('it is neither PKCS#12 nor JKS')
  return readPkcs12(bytes, password ?? '')
}

function certificatePem(der: Buffer): string {
  return pem('CERTIFICATE', der.toString('base64'))
}

function pem(kind: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`
}
