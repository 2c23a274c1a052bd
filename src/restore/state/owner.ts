import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Who holds a lock: enough to tell, on the same machine, whether it still lives. */
export interface Owner {
  readonly token: string
  readonly host: string
  readonly pid: number
  /** When the process began, as the kernel counts it; undefined where the system does not say. */
  readonly started: string | undefined
  /** Boot of the machine and process namespace; process numbers mean something only within both. */
  readonly boot: string | undefined
  readonly namespace: string | undefined
}

/** This process as an owner. */
export function thisProcess(token: string): Owner {
  return {
    token,
    host: hostname(),
    pid: process.pid,
    started: startOf(process.pid)?.started,
    boot: quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    namespace: quietly(() => readlinkSync('/proc/self/ns/pid')),
  }
}

/** Whether it can be told from here if an owner's process lives: same boot of the same machine, same process numbers. */
export function isTellable(owner: Owner, here: Owner = thisProcess('')): boolean {
  return (
    owner.boot !== undefined &&
    owner.boot === here.boot &&
    owner.namespace !== undefined &&
    owner.namespace === here.namespace
  )
}

/** Whether an owner's process is gone for certain. False where that cannot be told from here. */
export function isGone(owner: Owner): boolean {
  const here = thisProcess('')
  if (!isTellable(owner, here)) return false
  const there = startOf(owner.pid)
  // A zombie runs no more; another start time is another process with the same number.
  return there === undefined || there.state === 'Z' || there.started !== owner.started
}

function startOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  const text = quietly(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === undefined) return undefined
  // The name in parentheses may hold anything, so counting begins behind it: state is field 3, start time 22.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', started: fields[19] ?? '' }
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
