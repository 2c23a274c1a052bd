import { connect, createServer, type Socket } from 'node:net'

/** Called for each request or answer; it passes when what is returned has resolved, what comes behind it on the connection later still. */
export interface KafkaProxyHooks {
  onRequest?: ((apiKey: number) => Promise<void> | undefined) | undefined
  onAnswer?: ((apiKey: number) => Promise<void> | undefined) | undefined
}

/** A proxy before one broker that tells requests and answers apart. Hooks may be changed at any time. */
export interface KafkaProxy extends AsyncDisposable {
  readonly port: number
  readonly hooks: KafkaProxyHooks
  /** Resets all connections. */
  cut(): void
}

export const offsetCommit = 8

/** Starts a proxy on loopback before a broker; the port of the broker may be told later, before the first connection. */
export async function startKafkaProxy(target: { readonly port: number }): Promise<KafkaProxy> {
  const hooks: KafkaProxyHooks = {}
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const broker = connect(target.port, '127.0.0.1')
    const asked = new Map<number, number>()
    const end = () => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    passFrames(client, broker, (frame) => {
      const apiKey = frame.readInt16BE(4)
      asked.set(frame.readInt32BE(8), apiKey)
      return hooks.onRequest?.(apiKey)
    })
    passFrames(broker, client, (frame) => hooks.onAnswer?.(asked.get(frame.readInt32BE(4)) ?? -1))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port')
  return {
    port: address.port,
    hooks,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

/** Passes whole frames, in order, each when its hook lets it. */
function passFrames(from: Socket, to: Socket, hook: (frame: Buffer) => Promise<void> | undefined): void {
  let bytes = Buffer.alloc(0)
  let last: Promise<void> = Promise.resolve()
  from.on('data', (data: Buffer) => {
    bytes = Buffer.concat([bytes, data])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const frame = bytes.subarray(0, 4 + bytes.readInt32BE(0))
      bytes = bytes.subarray(frame.length)
      const allowed = hook(frame)
      last = last.then(() => allowed).then(() => void (to.destroyed || to.write(frame)))
    }
  })
}
