import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { ReplicateJob, ReplicationStatus } from '../../src/replicate/index.ts'
import { type ClusterSetup, startCluster, type TestCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { type JavaClient, type SeenRecord, startJavaClient } from './java-client.ts'

/** Two clusters and Kafka's own client beside them. */
export interface ReplicateLab extends AsyncDisposable {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly java: JavaClient
  readonly sourceAdmin: JavaAdmin
  readonly targetAdmin: JavaAdmin
  /** A worker as a process. Ended when the lab is disposed. */
  worker(job: LabJob): Worker
  /** A job from source to target, quick enough for tests. */
  job(name: string, over?: Partial<ReplicateJob>): LabJob
}

export type LabJob = Omit<ReplicateJob, keyof Defaulted> & Partial<ReplicateJob>
type Defaulted = Omit<ReplicateJob, 'name' | 'source' | 'target' | 'include'>

/** The newest thing that a worker said of itself: bigints come as numbers. */
export type SaidStatus = Omit<ReplicationStatus, 'partitions'> & {
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly state: string
    readonly reason?: string
    readonly next: number
    readonly sourceEnd?: number
    readonly records: number
  }[]
}

export class Worker {
  readonly process: ChildProcess
  readonly log: Record<string, unknown>[] = []
  status: SaidStatus | undefined
  readonly ended: Promise<number | null>

  constructor(job: LabJob) {
    const program = new URL('./replicate-program.ts', import.meta.url).pathname
    this.process = spawn(process.execPath, [program, JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.ended = new Promise((resolve) => this.process.once('close', (code) => resolve(code)))
    const { stdout, stderr } = this.process
    if (!stdout || !stderr) throw new Error('a worker without pipes')
    createInterface({ input: stdout }).on('line', (line) => {
      this.status = JSON.parse(line) as SaidStatus
    })
    createInterface({ input: stderr }).on('line', (line) => {
      if (process.env.TIDEMARK_TEST_LOG) process.stderr.write(`${this.process.pid} ${line}\n`)
      try {
        this.log.push(JSON.parse(line) as Record<string, unknown>)
      } catch {
        this.log.push({ level: 'raw', message: line })
      }
    })
  }

  /** Resolves when what the worker says of itself fits. */
  async until(what: string, fits: (status: SaidStatus) => boolean, seconds = 60): Promise<SaidStatus> {
    const deadline = Date.now() + seconds * 1000
    while (Date.now() < deadline) {
      if (this.status && fits(this.status)) return this.status
      if (this.process.exitCode !== null) break
      await delay(20)
    }
    throw new Error(
      `never ${what}: ${JSON.stringify(this.status)}\n${JSON.stringify(this.log.slice(-30), undefined, 1)}`,
    )
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  async stop(): Promise<number | null> {
    this.kill('SIGTERM')
    return await this.ended
  }
}

export async function startLab(
  setup: { readonly source?: ClusterSetup; readonly target?: ClusterSetup } = {},
): Promise<ReplicateLab> {
  const [source, target, java] = await Promise.all([
    startCluster(setup.source),
    startCluster(setup.target),
    startJavaClient(),
  ])
  const workers: Worker[] = []
  return {
    source,
    target,
    java,
    sourceAdmin: new JavaAdmin(java, source.bootstrap),
    targetAdmin: new JavaAdmin(java, target.bootstrap),
    job: (name, over = {}) => ({
      name,
      source: { bootstrap: source.bootstrap.split(',') },
      target: { bootstrap: target.bootstrap.split(',') },
      include: [`${name}-*`],
      topicRefresh: 300,
      sessionTimeout: 6_000,
      ...over,
    }),
    worker: (job) => {
      const worker = new Worker(job)
      workers.push(worker)
      return worker
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.kill('SIGKILL')
      await Promise.all(workers.map(({ ended }) => ended))
      await java[Symbol.asyncDispose]()
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()])
    },
  }
}

/** What a reader of committed records sees of a record, apart from its offset. */
export function content(record: SeenRecord): string {
  const { key, value, timestamp, headers } = record
  const shown = headers.map((header) => `${header.key}=${header.value?.toString('base64') ?? 'null'}`)
  return `${key?.toString('base64') ?? 'null'} ${value?.toString('base64') ?? 'null'} ${timestamp} ${shown.join(',')}`
}

/** Contents of a partition in order, as a reader of committed records sees them. */
export async function contents(
  java: JavaClient,
  cluster: TestCluster,
  topic: string,
  partition: number,
): Promise<string[]> {
  return (await java.read(cluster.bootstrap, topic, partition)).map(content)
}
