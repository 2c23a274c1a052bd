import { readFileSync } from 'node:fs'

/** What a process has used since it was started. */
export interface Usage {
  /** Seconds of all its threads, user and system. */
  readonly cpu: number
  /** Peak resident memory in bytes. */
  readonly memory: number
}

/** Ticks of a second in `/proc/PID/stat`: 100 on every Linux. */
const ticks = 100

/** What a running process has used, as Linux accounts for it; nothing once it has ended. */
export function usageOf(pid: number): Usage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; behind it the third field begins, user and system time are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return { cpu: (Number(fields[11]) + Number(fields[12])) / ticks, memory: Number(peak?.[1] ?? 0) * 1024 }
  } catch {
    return { cpu: 0, memory: 0 }
  }
}
