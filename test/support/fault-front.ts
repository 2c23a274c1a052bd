import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * What the front does to a request: answers with a status without passing it on; passes only the first `after` bytes of
 * the body and cuts both connections; passes it on and cuts the answer after so many bytes of body (`loses` it wholly:
 * done, but nobody is told); never answers; changes one byte of the body; answers late.
 */
export type FrontEffect =
  | { readonly kind: 'status'; readonly status: number; readonly code?: string }
  | { readonly kind: 'cut-request'; readonly after: number }
  | { readonly kind: 'cut-answer'; readonly after: number }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'stall' }
  | { readonly kind: 'damage'; readonly at: number }
  | { readonly kind: 'delay'; readonly ms: number }

export interface FrontRule {
  /** @default any */
  readonly method?: string
  /** Matched against path and query. @default any */
  readonly path?: RegExp
  /** First of the matching requests that is hit, from 1. @default 1 */
  readonly from?: number
  /** How many in a row. @default 1 */
  readonly times?: number
  readonly effect: FrontEffect
}

/** An HTTP server in front of another that passes everything on, except where a rule says otherwise. */
export interface FaultFront extends AsyncDisposable {
  readonly endpoint: string
  /** Requests that a rule has hit. */
  readonly hits: number
  /** `METHOD path?query` of every request so far. */
  readonly seen: readonly string[]
  /** Replaces the rules and begins counting anew. */
  rules(rules: readonly FrontRule[]): void
}

/** Starts a front before `http://127.0.0.1:port`. The Host header is passed on, so that signatures stay right. */
export async function startFaultFront(port: number): Promise<FaultFront> {
  let active: { readonly rule: FrontRule; seen: number }[] = []
  let hits = 0
  const seen: string[] = []
  const effectOf = (incoming: IncomingMessage): FrontEffect | undefined => {
    seen.push(`${incoming.method} ${incoming.url}`)
    for (const entry of active) {
      const { method, path, from = 1, times = 1, effect } = entry.rule
      if (method !== undefined && method !== incoming.method) continue
      if (path !== undefined && !path.test(incoming.url ?? '')) continue
      entry.seen++
      if (entry.seen < from || entry.seen >= from + times) continue
      hits++
      return effect
    }
    return undefined
  }
  const server = createServer((incoming, outgoing) => {
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    handle(port, incoming, outgoing, effectOf(incoming))
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    get hits() {
      return hits
    },
    get seen() {
      return seen
    },
    rules(rules) {
      active = rules.map((rule) => ({ rule, seen: 0 }))
      hits = 0
      seen.length = 0
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function handle(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  effect: FrontEffect | undefined,
): void {
  switch (effect?.kind) {
    case 'status':
      incoming.resume()
      incoming.once('end', () => {
        outgoing.writeHead(effect.status, { 'content-type': 'application/xml' })
        outgoing.end(errorXml(effect.code ?? 'ServiceUnavailable'))
      })
      return
    case 'stall':
      incoming.resume()
      return
    case 'delay':
      void delay(effect.ms).then(() => pass(port, incoming, outgoing, effect))
      return
    default:
      pass(port, incoming, outgoing, effect)
  }
}

function pass(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  effect: FrontEffect | undefined,
): void {
  const upstream = request({
    host: '127.0.0.1',
    port,
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: incoming.headers,
  })
  upstream.on('error', () => outgoing.destroy())
  outgoing.on('close', () => upstream.destroy())
  let passed = 0
  incoming.on('data', (chunk: Buffer) => {
    if (effect?.kind === 'cut-request' && passed + chunk.length > effect.after) {
      upstream.write(chunk.subarray(0, effect.after - passed), () => {
        upstream.destroy()
        incoming.socket.destroy()
      })
      incoming.pause()
      return
    }
    if (effect?.kind === 'damage' && passed <= effect.at && effect.at < passed + chunk.length) {
      chunk[effect.at - passed] = (chunk[effect.at - passed] ?? 0) ^ 1
    }
    passed += chunk.length
    if (!upstream.write(chunk)) {
      incoming.pause()
      upstream.once('drain', () => incoming.resume())
    }
  })
  incoming.on('end', () => upstream.end())
  upstream.on('response', (answer) => passAnswer(answer, outgoing, effect))
}

function passAnswer(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  effect: FrontEffect | undefined,
): void {
  if (effect?.kind === 'lose-answer') {
    // Read to its end first: the server has then done all it was asked to.
    answer.resume()
    answer.once('end', () => outgoing.socket?.destroy())
    return
  }
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
  outgoing.flushHeaders()
  let passed = 0
  answer.on('data', (chunk: Buffer) => {
    if (effect?.kind === 'cut-answer' && passed + chunk.length > effect.after) {
      answer.pause()
      outgoing.write(chunk.subarray(0, effect.after - passed), () => outgoing.socket?.destroy())
      return
    }
    passed += chunk.length
    if (!outgoing.write(chunk)) {
      answer.pause()
      outgoing.once('drain', () => answer.resume())
    }
  })
  answer.on('end', () => outgoing.end())
  answer.on('error', () => outgoing.destroy())
}

function errorXml(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`
}
