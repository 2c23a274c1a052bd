import { readFileSync, readlinkSync } from 'node:fs'

/** Names the set of processes in which a process id means something: this boot of this machine, this container. Empty when unknown. */
export function processSpace(): string {
  const boot = quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
  const numbers = quietly(() => readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''))
  return boot !== undefined && numbers !== undefined ? `${boot}/${numbers}` : ''
}

/** When a process of this space began, as the kernel counts it; empty where the system does not say, undefined when there is none. */
export function birthOf(pid: number): string | undefined {
  const text = quietly(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === undefined) return quietly(() => readFileSync('/proc/self/stat')) === undefined ? '' : undefined
  // The name in parentheses may hold anything; behind it come state (field 3) and, 19 further on, the start.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : (fields[19] ?? '')
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
