import { connect, createServer, type Socket } from 'node:net'

/** What goes through a proxy and when it is cut; changes take effect at once, also for connections that are open. */
export interface ProxyRules {
  /** Cuts a connection when so many more bytes have gone this way, over all connections. */
  cutAfterUp?: number | undefined
  cutAfterDown?: number | undefined
  /** Takes what the server sends and keeps it back. */
  swallowDown?: boolean
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  readonly rules: ProxyRules
  /** Connections cut by the rules or by `cut`. */
  readonly cuts: number
  /** Bytes passed on so far. */
  readonly up: number
  readonly down: number
  /** Resets all connections. */
  cut(): void
}

/** A proxy on loopback in front of a server, which can be cut in the middle of whatever goes through it. */
export async function startTcpProxy(target: {
  readonly port: number
  /** @default a free one */
  readonly listenOn?: number
}): Promise<TcpProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>()
  const rules: ProxyRules = {}
  const counts = { cuts: 0, up: 0, down: 0 }
  const listener = createServer((client) => {
    const server = connect(target.port, '127.0.0.1')
    const pair = { client, server }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    const reset = () => {
      counts.cuts++
      pairs.delete(pair)
      client.resetAndDestroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (data) => {
      counts.up += data.length
      if (rules.cutAfterUp !== undefined) {
        const left = rules.cutAfterUp
        rules.cutAfterUp = left - data.length
        if (left - data.length <= 0) {
          rules.cutAfterUp = undefined
          server.write(data.subarray(0, Math.max(0, left)), reset)
          return
        }
      }
      server.write(data)
    })
    server.on('data', (data) => {
      if (rules.swallowDown) return
      counts.down += data.length
      if (rules.cutAfterDown !== undefined) {
        const left = rules.cutAfterDown
        rules.cutAfterDown = left - data.length
        if (left - data.length <= 0) {
          rules.cutAfterDown = undefined
          client.write(data.subarray(0, Math.max(0, left)), reset)
          return
        }
      }
      if (!client.write(data)) {
        server.pause()
        client.once('drain', () => server.resume())
      }
    })
  })
  await new Promise<void>((resolve) => listener.listen(target.listenOn ?? 0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port')
  return {
    port: address.port,
    rules,
    get cuts() {
      return counts.cuts
    },
    get up() {
      return counts.up
    },
    get down() {
      return counts.down
    },
    cut() {
      for (const { client, server } of pairs) {
        counts.cuts++
        client.resetAndDestroy()
        server.destroy()
      }
      pairs.clear()
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
