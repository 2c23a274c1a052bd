import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Certificate } from './certificates.ts'
import { mavenJars } from './kafka-jars.ts'
import { tempFolder } from './temp-folder.ts'

const run = promisify(execFile)
const dependency =
  '<dependency><groupId>io.opentelemetry.proto</groupId><artifactId>opentelemetry-proto</artifactId><version>1.11.0-alpha</version></dependency>'

export interface OtlpRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Something that takes OTLP over HTTP, and keeps it. */
export interface OtlpCollector extends AsyncDisposable {
  /** `http://127.0.0.1:port`, or https. */
  readonly endpoint: string
  readonly requests: readonly OtlpRequest[]
  /** What a request is answered from now on; undefined = never. */
  answer: ((response: ServerResponse) => void) | undefined
}

/** With `tls`, only clients whose certificate `ca` has issued are let in. */
export async function startCollector(tls?: Certificate & { readonly ca: string }): Promise<OtlpCollector> {
  const requests: OtlpRequest[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    requests.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts) })
    collector.answer?.(response)
  }
  const server =
    tls === undefined ? createServer(take) : createSecureServer({ ...tls, requestCert: true }, take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const collector: OtlpCollector = {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (response) => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return collector
}

/** A number, as OpenTelemetry's own classes read it. */
export interface OtlpPoint {
  /** Index of the request. */
  readonly request: number
  /** `name=value,…`, sorted. */
  readonly resource: string
  readonly scope: string
  readonly name: string
  readonly description: string
  readonly unit: string
  /** `gauge`, or for example `sum monotonic AGGREGATION_TEMPORALITY_CUMULATIVE`. */
  readonly kind: string
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly time: bigint
  readonly valueKind: string
  readonly value: number
  /** `name=value,…`, sorted. */
  readonly attributes: string
}

/** All numbers in the bodies of requests. */
export async function decodeOtlp(requests: readonly OtlpRequest[]): Promise<readonly OtlpPoint[]> {
  const jars = await mavenJars('opentelemetry-proto-1.11.0-alpha', dependency)
  await using folder = await tempFolder('otlp')
  const files = requests.map((_, i) => join(folder.path, `${i}.bin`))
  await Promise.all(requests.map(({ body }, i) => writeFile(files[i] ?? '', body)))
  const source = new URL('./OtlpDecoder.java', import.meta.url).pathname
  const { stdout } = await run('java', ['-Xmx256m', '-cp', `${jars}/*`, source, ...files], {
    maxBuffer: 1 << 26,
  })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [
        request,
        resource = '',
        scope = '',
        name = '',
        description = '',
        unit = '',
        kind = '',
        ...numbers
      ] = line.split('\t')
      const [start = '', time = '', valueKind = '', value, attributes = ''] = numbers
      return {
        ...{ request: Number(request), resource, scope, name, description, unit, kind },
        ...{ start: BigInt(start), time: BigInt(time), valueKind, value: Number(value), attributes },
      }
    })
}
