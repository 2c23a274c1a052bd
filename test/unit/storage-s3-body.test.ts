import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { distinctBytes } from '../../src/storage/checks/check.ts'
import { readBody } from '../../src/storage/s3-body.ts'
import { Receiver, receivingAgents } from '../../src/storage/s3-sockets.ts'
import { makeAuthority } from '../support/certificates.ts'

const body = Buffer.from(distinctBytes(3_000_011))

/** A server on loopback, and one connection to it that is used again and again. */
async function connection(answer: RequestListener, tls = false) {
  const authority = makeAuthority('for this test')
  const certificate = authority.issue('server', ['127.0.0.1'])
  const server = tls ? https.createServer(certificate, answer) : http.createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [plain, secure] = receivingAgents({ maxSockets: 1 })
  let sockets = 0
  server.on('connection', () => sockets++)
  return {
    ask: () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const asked = tls
          ? https.get({ host: '127.0.0.1', port, agent: secure, ca: authority.cert }, resolve)
          : http.get({ host: '127.0.0.1', port, agent: plain }, resolve)
        asked.on('error', reject)
      }),
    sockets: () => sockets,
    async [Symbol.asyncDispose]() {
      plain.destroy()
      secure.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Memory that threads share, at an odd address. */
function target(size = body.length): Buffer {
  return Buffer.from(new SharedArrayBuffer(size + 3), 3)
}

test('a body is received where its reader wants it, again and again over one connection', async () => {
  await using server = await connection((_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.end(body)
  })
  for (let i = 0; i < 5; i++) {
    const there = target()
    await readBody(await server.ask(), there, undefined)
    assert.ok(there.equals(body))
  }
  assert.equal(server.sockets(), 1)
})

for (const tls of [false, true]) {
  test(`nearly all of a body is received in place ${tls ? 'over' : 'without'} TLS`, async (t) => {
    const holds = t.mock.method(Receiver.prototype, 'holds')
    await using server = await connection((_, response) => {
      response.writeHead(200, { 'content-length': body.length })
      response.end(body)
    }, tls)
    const there = target()
    await readBody(await server.ask(), there, undefined)
    assert.ok(there.equals(body))
    let placed = 0
    for (const call of holds.mock.calls) if (call.result === true) placed += call.arguments[1]
    assert.ok(placed > 0.9 * body.length, `${placed} of ${body.length} bytes`)
  })
}

test('a body that waits for its reader, or comes in small pieces, is whole', async () => {
  await using server = await connection(async (_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    for (let at = 0; at < body.length; at += 150_001) {
      response.write(body.subarray(at, at + 150_001))
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  })
  const answer = await server.ask()
  // Until the parser holds back, since nobody reads.
  while (answer.readableLength < answer.readableHighWaterMark) await new Promise((go) => setImmediate(go))
  const there = target()
  await readBody(answer, there, undefined)
  assert.ok(there.equals(body))
})

test('a body in chunks, whose bytes do not lie side by side on the way, is put together', async () => {
  await using server = await connection((_, response) => {
    for (let at = 0; at < body.length; at += 70_001) response.write(body.subarray(at, at + 70_001))
    response.end()
  })
  const there = target()
  await readBody(await server.ask(), there, undefined)
  assert.ok(there.equals(body))
})

test('a body that others read after one that was received in place is theirs alone', async () => {
  await using server = await connection((_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.end(body)
  })
  const there = target()
  await readBody(await server.ask(), there, undefined)
  there.fill(0)
  const pieces: Buffer[] = []
  for await (const piece of await server.ask()) pieces.push(piece)
  assert.ok(Buffer.concat(pieces).equals(body))
  assert.ok(there.every((byte) => byte === 0))
  assert.equal(server.sockets(), 1)
})

test('a body that breaks off is told as passing', async () => {
  await using server = await connection((_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.subarray(0, 2_000_000), () => response.destroy())
  })
  const answer = await server.ask()
  await assert.rejects(readBody(answer, target(), undefined), (error: NodeJS.ErrnoException) => {
    return error.name === 'IncompleteBody' || error.code === 'ECONNRESET'
  })
  assert.ok(answer.destroyed)
})

test('after an abort nothing is written to the target any more', async () => {
  await using server = await connection((_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.subarray(0, 1_000_000))
  })
  const answer = await server.ask()
  const control = new AbortController()
  const there = target()
  answer.once('data', () => setImmediate(() => control.abort(new Error('enough'))))
  await assert.rejects(readBody(answer, there, control.signal), /enough/)
  assert.ok(answer.destroyed && answer.socket.destroyed)
})
