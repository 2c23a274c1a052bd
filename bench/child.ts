import { spawn } from 'node:child_process'
import { warmMemory } from './warm-memory.ts'

/** One finished run of a whole process, as the operating system accounts for it. */
export interface Run {
  /** Seconds. */
  readonly wall: number
  readonly user: number
  readonly system: number
  /** Peak resident memory in bytes. */
  readonly memory: number
  readonly output: string
}

/** The system's accounting of a finished child, which Node does not offer; Python's standard library does. */
const accountant = `
import json, os, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=open(sys.argv[1], "wb"), stderr=subprocess.STDOUT)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, wall, used.ru_utime, used.ru_stime, used.ru_maxrss * 1024]))
`

/** Runs a command to its end, on warm memory, and accounts for it. Rejects, with its output, when it fails. */
export async function account(command: readonly string[], log: string): Promise<Run> {
  await warmMemory()
  const child = spawn('python3', ['-c', accountant, log, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => chunks.push(data))
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  const [code, wall, user, system, memory] = JSON.parse(Buffer.concat(chunks).toString()) as number[]
  const { readFile } = await import('node:fs/promises')
  const output = await readFile(log, 'utf8')
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${output.slice(-3000)}`)
  return { wall: wall ?? 0, user: user ?? 0, system: system ?? 0, memory: memory ?? 0, output }
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
