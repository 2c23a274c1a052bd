import { readFileSync, readlinkSync } from 'node:fs'

/** Names the set of processes in which a process id means something: this boot of this machine, this container. Empty when unknown. */
export function processSpace(): string {
  const boot = quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
  const numbers = quietly(() => readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''))
  return boot !== undefined && numbers !== undefined ? `${boot}/${numbers}` : ''
}

/**
 * Whether a process of this space that said at `since` (ms since the epoch) that it runs is gone: there is none of that
 * number, or only a dead one that nobody has waited for, or one that was started later.
 */
export function isGone(pid: number, since: number): boolean {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (stat === undefined) return true
  // The name in parentheses may hold anything; behind it come state (field 3) and, 19 further on, the start in ticks since boot.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return true
  const boot = quietly(() => Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]))
  if (boot === undefined || !Number.isFinite(boot)) return false
  const started = boot * 1000 + Number(fields[19]) * 10
  // Ticks are hundredths of a second and the boot time whole seconds: two seconds of doubt.
  return started > since + 2000
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
