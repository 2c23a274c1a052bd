import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** What a scripted listener does with one request; `respond` sends a body under the request's correlation id. */
export interface ScriptedRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly socket: Socket
  respond(body: Buffer): void
}

/** A listener that misbehaves as real brokers cannot be made to. */
export interface ScriptedListener extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Connections accepted so far. */
  readonly accepted: number
}

/** ApiVersions v3: no error, no APIs, no throttling, no tagged fields. */
export const emptyVersions = Buffer.from('00000100000000' + '00', 'hex')

/** Starts a listener on a free port that calls `onRequest` for each whole request frame; without it, `onConnect` alone. */
export async function startScripted(script: {
  readonly certificate?: Certificate
  readonly onConnect?: (socket: Socket) => void
  readonly onRequest?: (request: ScriptedRequest) => void
}): Promise<ScriptedListener> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const onSocket = (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    script.onConnect?.(socket)
    if (!script.onRequest) return
    let bytes = Buffer.alloc(0)
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data])
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const frame = bytes.subarray(4, 4 + bytes.readInt32BE(0))
        bytes = bytes.subarray(4 + frame.length)
        const correlationId = frame.readInt32BE(4)
        script.onRequest?.({
          apiKey: frame.readInt16BE(0),
          apiVersion: frame.readInt16BE(2),
          correlationId,
          socket,
          respond(body) {
            const head = Buffer.alloc(8)
            head.writeInt32BE(4 + body.length, 0)
            head.writeInt32BE(correlationId, 4)
            socket.write(head)
            socket.write(body)
          },
        })
      }
    })
  }
  const server: Server = script.certificate
    ? createTlsServer({ key: script.certificate.key, cert: script.certificate.cert }, onSocket)
    : createServer(onSocket)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    host: '127.0.0.1',
    port,
    get accepted() {
      return accepted
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
