import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Where those run that are measured, and a server that is to leave them alone. */
export const ourCore = 0
export const serverCore = 1

/** Asked for before anything is pinned: afterwards it would be one. */
const cores = availableParallelism()

/** Whether processes can be given cores here: on Linux with util-linux, and two cores. */
export function canPin(): boolean {
  if (process.platform !== 'linux' || cores < 2) return false
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Lets a process, with all its threads and what it starts from now on, run on one core only. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-apc', String(core), String(pid)], { stdio: 'ignore' })
}

/** Takes that back, for the process itself. */
export function unpin(pid: number): void {
  execFileSync('taskset', ['-apc', `0-${cores - 1}`, String(pid)], { stdio: 'ignore' })
}
