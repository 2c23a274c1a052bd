import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { programFile } from './program.ts'

const root = join(import.meta.dirname, '..', '..')

export interface CliOptions {
  /** Variables over an environment without any of `KAFKA_…`, `AWS_…` and `OTEL_…`. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** Text for standard input. */
  readonly input?: string
  /** A command that starts the program, which is appended with its arguments: `['nice']`. */
  readonly through?: readonly string[]
}

export interface CliResult {
  readonly status: number | null
  /** The signal that ended the process, if one did. */
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The program started, its output gathered while it runs. */
export interface RunningCli {
  readonly process: ChildProcess
  /** What came so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string }
  /** Called with everything that has come on stderr so far, whenever more comes. */
  readonly onStderr: (listener: (stderr: string) => void) => void
  readonly ended: Promise<CliResult>
}

/** Starts `kafka-backup` with arguments, as a user would, on the Node that runs the tests. */
export async function startCli(args: readonly string[], options: CliOptions = {}): Promise<RunningCli> {
  const [command = '', ...rest] = [...(options.through ?? []), process.execPath, await programFile(), ...args]
  const child = spawn(command, rest, {
    cwd: options.cwd ?? root,
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal }),
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  let stdout = ''
  let stderr = ''
  const listeners: ((stderr: string) => void)[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const listener of listeners) listener(stderr)
  })
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  ended.catch(() => {})
  return {
    process: child,
    output: () => ({ stdout, stderr }),
    onStderr: (listener) => {
      listeners.push(listener)
      listener(stderr)
    },
    ended,
  }
}

/** Runs `kafka-backup` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await (await startCli(args, options)).ended
}

/** Runs it and expects exit status 0; standard output. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const { status, signal, stdout, stderr } = await runCli(args, options)
  if (status !== 0)
    throw new Error(`kafka-backup ${args.join(' ')} ended with ${status ?? signal}:\n${stderr}${stdout}`)
  return stdout
}

function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAFKA_|AWS_|OTEL_|NODE_TEST|NODE_OPTIONS)/.test(name)),
  )
}
