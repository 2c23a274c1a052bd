import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Starts a program under a watcher that ends it when this process is gone, however it ends: the watcher's standard
 * input is a pipe from here, which closes with us. Prints the program's pid first.
 */
const watcher = `
log=$1; shift 1
exec 3<&0
"$@" >>"$log" 2>&1 </dev/null 3<&- &
program=$!
echo $program
( cat <&3 >/dev/null; kill -9 $program 2>/dev/null ) >/dev/null 2>&1 &
exec 3<&-
wait $program
`

export interface JavaProcess {
  readonly pid: number
  readonly exited: boolean
  signal(name: NodeJS.Signals): void
  /** Resolves when the JVM has ended. */
  ended(): Promise<void>
}

/** Starts `java …arguments`, output to `log`. */
export function startJava(javaArguments: readonly string[], log: string): Promise<JavaProcess> {
  return startServer(['java', ...javaArguments], log)
}

/** Starts a program that ends with this process; output to `log`. */
export async function startServer(
  command: readonly string[],
  log: string,
  env: Readonly<Record<string, string>> = {},
): Promise<JavaProcess> {
  const child: ChildProcess = spawn('sh', ['-c', watcher, 'sh', log, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  })
  const gone = once(child, 'exit')
  child.stdin?.on('error', () => {})
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('The watcher of a server ended at once')))
    child.stdout?.once('data', (data: Buffer) => resolve(Number(data.toString().trim())))
  })
  child.stdout?.destroy()
  child.unref()
  return {
    pid,
    get exited() {
      return child.exitCode !== null || child.signalCode !== null
    },
    signal(name) {
      try {
        process.kill(pid, name)
      } catch {
        // It has ended already.
      }
    },
    async ended() {
      // Unreferenced until now, so that a forgotten server never keeps a test process alive.
      child.ref()
      await gone
    },
  }
}

/** Waits until something listens on the port; rejects when the process ends first or after `ms`. */
export async function waitForPort(port: number, java: JavaProcess, ms = 120_000): Promise<void> {
  const until = performance.now() + ms
  while (performance.now() < until) {
    if (java.exited) throw new Error(`The server on port ${port} ended while starting`)
    if (await answers(port)) return
    await delay(50)
  }
  throw new Error(`Nothing listens on port ${port} after ${ms} ms`)
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Removes a folder should this process die without doing it. Ended by disposing it. */
export function guardFolder(folder: string): Disposable {
  const guard = spawn('sh', ['-c', 'cat >/dev/null; sleep 1; rm -rf "$1"', 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.stdin.on('error', () => {})
  guard.unref()
  return {
    [Symbol.dispose]() {
      guard.kill('SIGKILL')
    },
  }
}
