import { type ChildProcess, spawn } from 'node:child_process'

/** What a finished command left. */
export interface CommandResult {
  /** Exit status; undefined when a signal ended it. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCommand {
  readonly child: ChildProcess
  readonly result: Promise<CommandResult>
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

const launcher = new URL('../../bin/kafka-backup.mjs', import.meta.url).pathname

/** Starts the real program, as a user would. */
export function startCommand(
  commandArguments: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const child = spawn(process.execPath, [launcher, ...commandArguments], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => out.push(data))
  child.stderr.on('data', (data: Buffer) => err.push(data))
  const result = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({
        code: code ?? undefined,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }),
    )
  })
  return { child, result }
}

/** Runs the real program to its end. */
export async function runCommand(
  commandArguments: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await startCommand(commandArguments, options).result
}

/** Runs it and expects exit status 0; standard output. */
export async function command(
  commandArguments: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(commandArguments, options)
  if (result.code !== 0) {
    throw new Error(
      `kafka-backup ${commandArguments.join(' ')} ended with ${result.code}:\n${result.stderr}${result.stdout}`,
    )
  }
  return result.stdout
}
