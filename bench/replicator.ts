import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ourCommand } from './sides.ts'

/** A pipeline from one cluster to another, as its file says it. */
export interface PipelineFile {
  readonly folder: string
  readonly name: string
  readonly source: string
  readonly target: string
  readonly topic: string
  readonly exactlyOnce: boolean
}

/** What a process has used up to now, by the system's accounting. */
export interface Usage {
  /** Seconds, user and system. */
  readonly cpu: number
  /** Peak resident memory in bytes. */
  readonly memory: number
}

/** Ticks in which Linux counts CPU time, whatever the kernel's own clock. */
const ticksPerSecond = 100

/** `kafka-backup replicate` in a process of its own. Killed when disposed. */
export class Replicator implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #said = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise((resolve) => child.once('close', resolve))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.#said = (this.#said + data.toString()).slice(-4000)
      })
    }
  }

  /** `nodeOptions`: for looking into it, such as `--cpu-prof`. */
  static async start(pipeline: PipelineFile, nodeOptions: readonly string[] = []): Promise<Replicator> {
    const file = join(pipeline.folder, `${pipeline.name}.yaml`)
    await writeFile(file, pipelineText(pipeline))
    const [node = '', ...program] = ourCommand
    const child = spawn(node, [...nodeOptions, ...program, 'replicate', '-f', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new Replicator(child)
  }

  async usage(): Promise<Usage> {
    const folder = `/proc/${this.#child.pid}`
    const [stat, status] = await Promise.all([
      readFile(`${folder}/stat`, 'utf8'),
      readFile(`${folder}/status`, 'utf8'),
    ])
    // Behind the name in parentheses: state is the first field, user and system time the twelfth and thirteenth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1])
    return { cpu: ticks / ticksPerSecond, memory: peak * 1024 }
  }

  /** Stops it as a user does. Rejects, with what it said, when it had ended or did not end well. */
  async stop(): Promise<void> {
    const running = this.#child.exitCode === null
    this.#child.kill('SIGTERM')
    const status = await this.#ended
    if (!running || status !== 130) throw new Error(`replicate ended with ${status}: ${this.#said}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

function pipelineText({ name, source, target, topic, exactlyOnce }: PipelineFile): string {
  return `name: ${name}
features:
  exactlyOnce: ${exactlyOnce ? 'enabled' : 'disabled'}
  offsetMapping: enabled
  autoCreateControlTopics: enabled
source:
  kafka:
    common: {bootstrap.servers: '${source}'}
target:
  kafka:
    common: {bootstrap.servers: '${target}'}
replication:
  - source: {topic: '${topic}'}
  - sink: {topic: source, partition: source}
`
}
