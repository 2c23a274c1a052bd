import { readFile } from 'node:fs/promises'
import { type JavaProcess, startServer } from '../../test/support/broker-process.ts'
import { type Usage, usageOf } from './usage.ts'

/** What one copy is asked to do; both systems get the same. */
export interface CopyJob {
  /** Name of the copy, which no other has: prefix of its target topics, and part of whatever else it keeps. */
  readonly id: string
  /** Where files and logs go. */
  readonly folder: string
  readonly source: string
  readonly target: string
  readonly topic: string
  /** Regular expression of the groups that are kept in step. */
  readonly groups: string
  /** Seconds between two rounds of the synchronisation of groups. */
  readonly interval: number
}

/** A system that replicates. */
export interface Replicator {
  readonly name: string
  /** Writes its files; the commands whose processes do the work, and the log of each. */
  prepare(job: CopyJob): Promise<readonly Program[]>
}

export interface Program {
  readonly command: readonly string[]
  readonly log: string
}

/** Target topic of a copy, the same in both systems. */
export function targetTopic({ id, topic }: CopyJob): string {
  return `${id}.${topic}`
}

/** The processes of one copy, started together. */
export class Running implements AsyncDisposable {
  /** `performance.now()` just before the first of them was started. */
  readonly started: number
  readonly #processes: readonly JavaProcess[]
  readonly #programs: readonly Program[]

  private constructor(started: number, processes: readonly JavaProcess[], programs: readonly Program[]) {
    this.started = started
    this.#processes = processes
    this.#programs = programs
  }

  static async start(programs: readonly Program[]): Promise<Running> {
    const started = performance.now()
    const processes = await Promise.all(programs.map(({ command, log }) => startServer(command, log)))
    return new Running(started, processes, programs)
  }

  /** Of each of its processes. */
  usage(): readonly Usage[] {
    return this.#processes.map(({ pid }) => usageOf(pid))
  }

  /** Rejects, with what it has printed, when one of its processes has ended by itself. */
  async check(): Promise<void> {
    for (const [i, { exited }] of this.#processes.entries()) {
      const program = this.#programs[i]
      if (!exited || !program) continue
      const printed = await readFile(program.log, 'utf8').catch(() => '')
      throw new Error(`${program.command.join(' ')} has ended:\n${printed.slice(-3000)}`)
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    for (const one of this.#processes) if (!one.exited) one.signal('SIGKILL')
    await Promise.all(this.#processes.map((one) => (one.exited ? undefined : one.ended())))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
