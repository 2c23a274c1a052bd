import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TidemarkError } from '../base/index.ts'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

/** Where to listen. Port 0 = any free one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface ServerParts {
  readonly metrics: Metrics
  readonly health: Health
}

export interface RunningServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
}

/**
 * Serves `GET /metrics` (Prometheus text), `/healthz` (200 as long as the process answers) and `/readyz` (200 when every part works, else
 * 503 and what is waited for, as JSON). Rejects with CONFIG_INVALID when the address cannot be had.
 */
export async function startServer(address: ListenAddress, parts: ServerParts): Promise<RunningServer> {
  const server = createServer((request, response) => {
    answer(request, parts).then(
      ({ status, type, body }) => send(response, status, type, request.method === 'HEAD' ? '' : body),
      (error: unknown) =>
        send(response, 500, 'text/plain', error instanceof Error ? error.message : 'failed'),
    )
  })
  await listening(server, address)
  const bound = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    host: bound.address,
    port: bound.port,
    [Symbol.asyncDispose]: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

async function answer(request: IncomingMessage, { metrics, health }: ServerParts): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: 'text/plain', body: 'only GET\n' }
  }
  switch ((request.url ?? '/').split('?')[0]) {
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.text() }
    case '/healthz':
      return { status: 200, type: 'text/plain', body: 'ok\n' }
    case '/readyz': {
      const report = health.report()
      const body = `${JSON.stringify(report)}\n`
      return { status: report.ready ? 200 : 503, type: 'application/json', body }
    }
    default:
      return { status: 404, type: 'text/plain', body: '/metrics, /healthz, /readyz\n' }
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}

function listening(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'it is in use' : (cause.code ?? cause.message)
      reject(
        new TidemarkError('CONFIG_INVALID', `The address ${host}:${port} cannot be listened on: ${why}`, {
          cause,
          hint: 'Choose another one with metrics.server.address or --listen.',
        }),
      )
    })
    server.listen(port, host, () => resolve())
  })
}
