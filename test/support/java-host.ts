import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { quickJava } from './java-programs.ts'

/** Variable that names the port of a host that serves several test files. */
export const hostVariable = 'TIDEMARK_TEST_HOST'

/** A JVM that takes sessions of Kafka's own client and brokers (TestHost.java). It ends with this process. */
export interface JavaHost {
  readonly port: number
  /** Resolves with the last that it printed, when it has ended. */
  readonly ended: Promise<string>
  /** Ends it as a program ends, not by a kill. */
  end(): Promise<void>
}

export interface HostOptions {
  /** More arguments for the JVM. */
  readonly jvm?: readonly string[]
  /** @default '1g' */
  readonly heap?: `${number}g`
}

/** Starts one; this process may end although it runs. */
export async function startJavaHost(options: HostOptions = {}): Promise<JavaHost> {
  const heap = options.heap ?? '1g'
  const java = await quickJava('4.2.0', heap)
  // Room for several brokers from the beginning: growing is done by collecting everything.
  const young = 128 * Number.parseInt(heap, 10)
  const room = [`-Xms${2 * young}m`, `-Xmn${young}m`, '-XX:MetaspaceSize=192m']
  const child = spawn('java', [...java, ...room, ...(options.jvm ?? []), 'TestHost'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdin.on('error', () => {})
  child.stderr.on('data', (data: Buffer) => {
    said = (said + data.toString()).slice(-4000)
  })
  const ended = once(child, 'close').then(() => said)
  const port = await Promise.race([
    once(child.stdout, 'data').then(([data]) => Number(String(data))),
    ended.then(() => {
      throw new Error(`The JVM of the tests did not start: ${said}`)
    }),
  ])
  release(child)
  return {
    port,
    ended,
    async end() {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}

let own: Promise<JavaHost> | undefined

/** Port of the host that this process uses: the one that it was handed, or one of its own. */
export async function javaHostPort(): Promise<number> {
  const handed = process.env[hostVariable]
  if (handed !== undefined) return Number(handed)
  own ??= startJavaHost()
  return (await own).port
}

function release(child: ChildProcessByStdio<Writable, Readable, Readable>): void {
  for (const held of [child, child.stdin, child.stdout, child.stderr])
    if (held === child || held instanceof Socket) held.unref()
}
