import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoreSpec } from '../../src/storage/index.ts'
import { guardFolder, startServer, waitForPort } from './broker-process.ts'
import { freePort } from './free-port.ts'
import { type GoProgram, goProgram } from './go-program.ts'

const versitygw: GoProgram = {
  name: 'versitygw',
  package: 'github.com/versity/versitygw/cmd/versitygw',
  version: 'v1.8.0',
}
const minio: GoProgram = {
  name: 'minio',
  package: 'github.com/minio/minio',
  version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
}

/** Path of the S3 server's program, built when first asked for. */
export function s3ServerProgram(): Promise<string> {
  return goProgram(versitygw)
}

/** A running S3 server with buckets as folders. */
export interface S3Server extends AsyncDisposable {
  /** Name and version, for reports. */
  readonly name: string
  readonly port: number
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string
  /** Variables that give a program the server's keys. */
  readonly env: Readonly<Record<'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY' | 'AWS_REGION', string>>
  /** Makes an empty bucket. */
  bucket(name: string): Promise<void>
  /** What opens a bucket, keys included; `endpoint` to go through something in front. */
  spec(bucket: string, more?: { readonly prefix?: string; readonly endpoint?: string }): S3ServerSpec
  /** URL for a command line; the keys come from `env`. */
  url(bucket: string, prefix?: string): string
  /** Folder in which the server keeps the objects of a bucket. */
  folder(bucket: string): string
  /** The server's process; another one after `start`. */
  readonly pid: number
  /** CPU seconds, user and system, that the server has used since it was last started. */
  cpuSeconds(): Promise<number>
  /** SIGKILL; `start` brings it back with its data on the same port. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** A {@link StoreSpec} of an S3 bucket. */
export type S3ServerSpec = Extract<StoreSpec, { backend: 's3' }>

/** Options of {@link startS3Server}. */
export interface S3ServerOptions {
  /** More arguments for the server's storage backend. */
  readonly backend?: readonly string[]
}

const keys = { accessKeyId: 'tidemark-test', secretAccessKey: 'only-for-tests-on-loopback' } as const

/** How a program is started as a server of S3 whose buckets are the folders in `data`. */
interface Launch {
  readonly name: string
  command(port: number, data: string): Promise<readonly string[]> | readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Starts a real S3 server (versitygw) on a free port, with a folder of its own that goes with it. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const program = await s3ServerProgram()
  return await start({
    name: `versitygw ${versitygw.version}`,
    command: (port, data) => [
      ...[program, '--quiet', '--keep-alive', '--port', `127.0.0.1:${port}`],
      ...['posix', ...(options.backend ?? []), data],
    ],
    env: { ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey },
  })
}

/** Starts MinIO, whose checksums cost it less and which keeps objects in files of its own form. */
export async function startMinio(): Promise<S3Server> {
  const program = await goProgram(minio)
  return await start({
    name: `MinIO ${minio.version.slice('v0.0.0-'.length, 'v0.0.0-'.length + 8)}`,
    command: async (port, data) => [
      ...[program, 'server', '--quiet', '--address', `127.0.0.1:${port}`],
      ...['--console-address', `127.0.0.1:${await freePort()}`, data],
    ],
    env: {
      MINIO_ROOT_USER: keys.accessKeyId,
      MINIO_ROOT_PASSWORD: keys.secretAccessKey,
      MINIO_BROWSER: 'off',
    },
  })
}

async function start({ name, command, env }: Launch): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-s3-'))
  const guard = guardFolder(folder)
  const data = join(folder, 'data')
  const log = join(folder, 'server.log')
  await mkdir(data)
  const port = await freePort()
  const launch = async () => {
    const server = await startServer(await command(port, data), log, env)
    try {
      await waitForPort(port, server, 30_000)
    } catch (cause) {
      server.signal('SIGKILL')
      throw new Error(`The S3 server did not start: ${await readFile(log, 'utf8').catch(() => '')}`, {
        cause,
      })
    }
    return server
  }
  let server = await launch()
  const endpoint = `http://127.0.0.1:${port}`
  const stop = async () => {
    server.signal('SIGKILL')
    await server.ended()
  }
  return {
    name,
    port,
    endpoint,
    env: {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_REGION: 'us-east-1',
    },
    async bucket(name) {
      await mkdir(join(data, name))
    },
    spec: (bucket, more = {}) => ({ backend: 's3', bucket, region: 'us-east-1', endpoint, ...keys, ...more }),
    url: (bucket, prefix = '') => `s3://${bucket}/${prefix}?endpoint=${endpoint}&region=us-east-1`,
    folder: (bucket) => join(data, bucket),
    get pid() {
      return server.pid
    },
    cpuSeconds: () => cpuSeconds(server.pid),
    kill: stop,
    async start() {
      server = await launch()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      guard[Symbol.dispose]()
    },
  }
}

/** What Linux has accounted to a process, in its ticks of a hundredth of a second. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}
