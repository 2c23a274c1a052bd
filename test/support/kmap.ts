import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { programFile } from './program.ts'

export interface ProcessResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProcessOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `kmap` to its end, as a user would, in a folder of its own. */
export async function runKmap(args: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  const program = join(dirname(await programFile()), 'kmap.mjs')
  return await runProcess(process.execPath, [program, ...args], options)
}

/** Runs a program to its end, without any of `KAFKA_…` from the tests' own environment. */
export async function runProcess(
  command: string,
  args: readonly string[],
  { cwd, env }: ProcessOptions,
): Promise<ProcessResult> {
  const plain = Object.entries(process.env).filter(
    ([name]) => !/^(KAFKA_|AWS_|NODE_TEST|NODE_OPTIONS)/.test(name),
  )
  const child = spawn(command, args, {
    cwd,
    env: { ...Object.fromEntries(plain), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { status, stdout, stderr }
}
