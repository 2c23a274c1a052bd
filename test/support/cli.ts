import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** The program as its source runs it, so that a build that lies about is never what is tested. */
export const cliEntry = join(root, 'src', 'cli', 'main.ts')

export interface CliOptions {
  /** Variables over an environment without any of `KAFKA_…` and `AWS_…`. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly signal?: AbortSignal
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
  readonly ended: Promise<CliResult>
}

/** Starts `kafka-backup` with arguments, as a user would, on the Node that runs the tests. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [cliEntry, ...args], {
    cwd: options.cwd ?? root,
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  return { process: child, output: () => ({ stdout, stderr }), ended }
}

/** Runs `kafka-backup` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await startCli(args, options).ended
}

function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAFKA_|AWS_|NODE_TEST|NODE_OPTIONS)/.test(name)),
  )
}
