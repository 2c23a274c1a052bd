import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { replicateDefaults } from '../../src/replicate/index.ts'
import { type RunningCli, startCli } from './cli.ts'
import { type DrillGroup, startGroups, stopGroups } from './drill-groups.ts'
import { cleanedWhileWritten, DrillWriter, type WrittenTopic } from './drill-writers.ts'
import { freePort } from './free-port.ts'
import { type LabJob, type ReplicateLab, startLab, type Worker } from './replicate-lab.ts'
import { untilAtEnd } from './replicated.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { tempFolder } from './temp-folder.ts'

/** Every so many kills of a worker a broker is killed as well. */
const brokerEvery = 12

/** Two clusters, each behind a proxy that can be cut; workers and sync reach them through the proxies. */
export interface Drill extends AsyncDisposable {
  readonly lab: ReplicateLab
  readonly job: LabJob
  readonly topics: readonly WrittenTopic[]
  /** What was done to whom. */
  readonly toll: Toll
  /** What workers that had at least one record behind them said when they took a shard over. */
  readonly said: readonly Readonly<Record<string, unknown>>[]
  /** Kills so many workers while everything runs, then lets the copy and the sync come to the end. */
  run(kills: number): Promise<readonly DrillGroup[]>
  /** Lets the sync of groups run until the work is done. */
  syncing<T>(work: () => Promise<T>): Promise<T>
}

export interface Toll {
  workers: number
  syncs: number
  brokers: number
  cuts: number
  joined: number
  left: number
}

/** `name` is that of the pipeline; its topics are `<name>-plain`, `-txn` and `-compacted`. */
export async function startDrill(name: string, over: Partial<LabJob> = {}): Promise<Drill> {
  // Workers reach both clusters through proxies: a listener of its own tells clients the proxy's port.
  const ports = [await freePort(), await freePort()] as const
  const listener = (port: number) => ({
    apart: true,
    listeners: [{ name: 'PROXIED', security: 'PLAINTEXT' as const, toldPort: port }],
  })
  const lab = await startLab({ source: listener(ports[0]), target: listener(ports[1]) })
  const [source, target, folder] = await Promise.all([
    startTcpProxy({ port: lab.source.broker(1).portOf('PROXIED'), listenOn: ports[0] }),
    startTcpProxy({ port: lab.target.broker(1).portOf('PROXIED'), listenOn: ports[1] }),
    tempFolder('kill-drill'),
  ])
  const topics: readonly WrittenTopic[] = [
    // Enough that each of two workers has some of them.
    { topic: `${name}-plain`, partitions: 12, kind: 'plain' },
    { topic: `${name}-txn`, partitions: 12, kind: 'transactional' },
    { topic: `${name}-compacted`, partitions: 4, kind: 'compacted' },
  ]
  for (const { topic, partitions, kind } of topics) {
    await lab.sourceAdmin.createTopic(topic, partitions, kind === 'compacted' ? cleanedWhileWritten : {})
  }
  // Longer than a broker takes to come back on a machine that has much else to do: a worker that just starts must not give up on it.
  const connectTimeout = 120_000
  const job = lab.job(name, {
    source: { bootstrap: [`127.0.0.1:${source.port}`], connectTimeout },
    target: { bootstrap: [`127.0.0.1:${target.port}`], connectTimeout },
    commitInterval: 20,
    // The target keeps all that was ever copied: what is there twice shows.
    excludedConfigs: ['cleanup.policy', 'segment.*'],
    // Cleaned all the while: whoever takes over reads what the cleaner has left.
    controlTopic: {
      name: replicateDefaults.controlTopic.name,
      create: {
        ...replicateDefaults.controlTopic.create,
        configs: {
          'segment.ms': '10000',
          'min.cleanable.dirty.ratio': '0.1',
          'max.compaction.lag.ms': '5000',
        },
      },
    },
    ...over,
  })
  const file = join(folder.path, 'k2k.yaml')
  await writeFile(
    file,
    stringify({
      name,
      features: { offsetMapping: 'enabled', autoCreateControlTopics: 'enabled' },
      source: { kafka: { common: { 'bootstrap.servers': `127.0.0.1:${source.port}` } } },
      target: { kafka: { common: { 'bootstrap.servers': `127.0.0.1:${target.port}` } } },
      groups: { consumerGroups: `${name}-.*`, pollInterval: '300 milliseconds' },
      // The mapping topic is what has to hold the map: it is never dropped from memory here.
      offsetMapping: { retention: { count: 10_000_000 } },
    }),
  )
  const drill = new RunningDrill({ lab, job, topics, proxies: [source, target], file, folder: folder.path })
  return {
    lab,
    job,
    topics,
    toll: drill.toll,
    said: drill.said,
    run: (kills) => drill.run(kills),
    syncing: (work) => drill.syncing(work),
    async [Symbol.asyncDispose]() {
      await drill.end()
      for (const proxy of [source, target]) await proxy[Symbol.asyncDispose]()
      await lab[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

interface DrillParts {
  readonly lab: ReplicateLab
  readonly job: LabJob
  readonly topics: readonly WrittenTopic[]
  readonly proxies: readonly [TcpProxy, TcpProxy]
  readonly file: string
  readonly folder: string
}

class RunningDrill {
  readonly toll: Toll = { workers: 0, syncs: 0, brokers: 0, cuts: 0, joined: 0, left: 0 }
  readonly said: Record<string, unknown>[] = []
  readonly #parts: DrillParts
  #second: Worker | undefined
  #sync: RunningCli | undefined
  #running = true

  constructor(parts: DrillParts) {
    this.#parts = parts
  }

  async run(kills: number): Promise<readonly DrillGroup[]> {
    const { lab, job, topics } = this.#parts
    const names = topics.map(({ topic }) => topic)
    const groups = await startGroups(lab, job.name, 10, names)
    const writers = topics.map((written) => new DrillWriter(lab, written))
    const writing = writers.map((writer) => writer.run())
    // Made by the first worker; without them there is nothing to be in step with.
    const first = this.#worker('first')
    await first.until('it copies', ({ records }) => records > 0, 120)
    first.kill('SIGKILL')
    await first.ended
    this.said.push(...first.log)
    const syncing = this.#killSyncs()
    for (let kill = 1; kill <= kills; kill++) {
      await this.#killOne(kill)
      if (kill % 10 === 0) process.stderr.write(`${kill} of ${kills} kills: ${JSON.stringify(this.toll)}\n`)
    }
    this.#running = false
    await syncing
    for (const writer of writers) writer.stop()
    await Promise.all(writing)
    await stopGroups(lab, groups)
    if (this.#second) assert.equal(await this.#stopped(this.#second), 0)
    const last = this.#worker('last')
    await untilAtEnd(lab, last, names, 300)
    assert.equal(await this.#stopped(last), 0)
    this.toll.cuts = this.#parts.proxies.reduce((sum, { cuts }) => sum + cuts, 0)
    return groups
  }

  async syncing<T>(work: () => Promise<T>): Promise<T> {
    const sync = await this.#startSync()
    const died = sync.ended.then(({ status, stderr }) => {
      throw new Error(`the sync ended with ${status}:\n${stderr.slice(-4000)}`)
    })
    died.catch(() => {})
    try {
      return await Promise.race([work(), died])
    } finally {
      sync.process.kill('SIGTERM')
      await sync.ended
    }
  }

  async end(): Promise<void> {
    this.#running = false
    this.#sync?.process.kill('SIGKILL')
    await this.#sync?.ended
  }

  async #killOne(kill: number): Promise<void> {
    const { lab, proxies } = this.#parts
    const worker = this.#worker('first')
    // Now and then it is killed before it copies anything, mostly while it does.
    if (randomInt(4) > 0) await worker.until('it copies', ({ records }) => records > 0, 120)
    await delay(randomInt(0, 400))
    if (kill % 3 === 0) proxies[kill % 2]?.cut()
    if (kill % 7 === 0) await this.#comeOrGo()
    if (kill % brokerEvery === 0) {
      const broker = lab[kill % (2 * brokerEvery) === 0 ? 'source' : 'target'].broker(1)
      await broker.kill()
      this.toll.brokers++
      await broker.start()
    }
    assert.equal(
      worker.process.exitCode,
      null,
      `a worker ended by itself: ${JSON.stringify(worker.log.slice(-5))}`,
    )
    worker.kill('SIGKILL')
    this.toll.workers++
    await worker.ended
    this.said.push(...worker.log)
  }

  async #comeOrGo(): Promise<void> {
    const second = this.#second
    if (!second) {
      this.#second = this.#worker('second')
      this.toll.joined++
      return
    }
    this.#second = undefined
    this.toll.left++
    if (randomInt(2) === 0) assert.equal(await this.#stopped(second), 0)
    else {
      second.kill('SIGKILL')
      await second.ended
      this.said.push(...second.log)
    }
  }

  async #stopped(worker: Worker): Promise<number | null> {
    const status = await worker.stop()
    this.said.push(...worker.log)
    return status
  }

  #worker(workerId: string): Worker {
    return this.#parts.lab.worker({ ...this.#parts.job, workerId })
  }

  async #startSync(): Promise<RunningCli> {
    const { file, folder } = this.#parts
    this.#sync = await startCli(['sync-offsets', '-f', file], { cwd: folder })
    return this.#sync
  }

  /** The sync of groups runs beside, and is killed again and again: mostly after some rounds, sometimes before the first. */
  async #killSyncs(): Promise<void> {
    while (this.#running) {
      const sync = await this.#startSync()
      const ended = await Promise.race([sync.ended, delay(randomInt(1_000, 30_000))])
      if (ended !== undefined) {
        throw new Error(`the sync ended by itself with ${ended.status}:\n${ended.stderr.slice(-4000)}`)
      }
      sync.process.kill('SIGKILL')
      this.toll.syncs++
      await sync.ended
    }
  }
}
