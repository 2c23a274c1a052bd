import net from 'node:net'
import tls from 'node:tls'
import { connectFailure } from './connect-errors.ts'
import type { FrameReader } from './frame-reader.ts'
import type { TlsOptions } from './types.ts'

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, with an IPv6 address in brackets. */
export function addressText(address: BrokerAddress): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

/** Ms of silence after which the kernel asks whether the broker is still there. */
const keepAliveInitialDelay = 30_000

/** How a socket is opened. */
export interface SocketOptions {
  readonly tls: TlsOptions | undefined
  /** Ms for DNS, TCP and TLS together. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly reader: FrameReader
  /** Called when bytes could not be understood; the socket is to be destroyed. */
  readonly onBadBytes: (error: unknown) => void
}

/**
 * Opens a TCP or TLS connection whose bytes are read straight into the reader's memory. TLS sockets take `onread`
 * like plain ones: decrypted bytes are copied there once, without a Buffer of their own.
 *
 * Rejects with BROKER_UNREACHABLE or AUTHENTICATION_FAILED (certificates), naming address and cause.
 */
export function openSocket(address: BrokerAddress, options: SocketOptions): Promise<net.Socket> {
  options.signal?.throwIfAborted()
  const { reader } = options
  const onread = {
    buffer: () => reader.space(),
    callback: (count: number) => {
      try {
        reader.filled(count)
      } catch (error) {
        options.onBadBytes(error)
      }
      return true
    },
  }
  const target = {
    host: address.host,
    port: address.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay,
    onread,
  }
  return new Promise((resolve, reject) => {
    let socket: net.Socket
    let settled = false
    const settle = (error?: unknown) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      if (error === undefined) return resolve(socket)
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const fail = (cause: unknown) =>
      settle(connectFailure(addressText(address), options.tls !== undefined, cause, options.timeout))
    const onAbort = () => settle(options.signal?.reason)
    const timer = setTimeout(() => fail('timeout'), options.timeout)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      socket = options.tls
        ? tls.connect({ ...target, ...tlsOptions(address, options.tls) })
        : net.connect(target)
    } catch (cause) {
      // Unreadable PEM text, or a port that no port can be.
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      reject(connectFailure(addressText(address), options.tls !== undefined, cause, options.timeout))
      return
    }
    socket.once(options.tls ? 'secureConnect' : 'connect', () => {
      socket.off('error', fail)
      settle()
    })
    socket.once('error', fail)
  })
}

function tlsOptions(address: BrokerAddress, options: TlsOptions): tls.ConnectionOptions {
  const serverName = options.serverName ?? (net.isIP(address.host) === 0 ? address.host : undefined)
  return {
    ...(options.ca !== undefined && { ca: options.ca }),
    ...(options.cert !== undefined && { cert: options.cert }),
    ...(options.key !== undefined && { key: options.key }),
    ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
    ...(serverName !== undefined && { servername: serverName }),
    rejectUnauthorized: options.verify ?? true,
    ...(options.verifyHostname === false && { checkServerIdentity: () => undefined }),
    minVersion: 'TLSv1.2',
  }
}
