import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../support/free-port.ts'
import type { JavaProducer } from '../support/java-client.ts'
import { type LabJob, type ReplicateLab, startLab, type Worker } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, untilCopied } from '../support/replicated.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** `TIDEMARK_KILLS` asks for fewer, for a quick trial. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 100)
/** Every so many kills a broker is killed as well. */
const brokerEvery = 12
/** Enough that each of two workers has some of them. */
const topics = [
  { topic: 'kill-plain', partitions: 12, transactional: false },
  { topic: 'kill-txn', partitions: 12, transactional: true },
] as const

let lab: ReplicateLab
let proxies: readonly TcpProxy[]

before(async () => {
  // Workers reach both clusters through proxies: a listener of its own tells clients the proxy's port.
  const ports = [await freePort(), await freePort()] as const
  const listener = (port: number) => ({
    apart: true,
    listeners: [{ name: 'PROXIED', security: 'PLAINTEXT' as const, toldPort: port }],
  })
  lab = await startLab({ source: listener(ports[0]), target: listener(ports[1]) })
  const port = (side: 'source' | 'target') => lab[side].broker(1).portOf('PROXIED')
  proxies = [
    await startTcpProxy({ port: port('source'), listenOn: ports[0] }),
    await startTcpProxy({ port: port('target'), listenOn: ports[1] }),
  ]
})

after(async () => {
  for (const proxy of proxies ?? []) await proxy[Symbol.asyncDispose]()
  await lab?.[Symbol.asyncDispose]()
})

test(`${kills} kills of workers, with brokers killed, connections cut and a second worker that comes and goes: every committed record once, in order, every position right`, async () => {
  for (const { topic, partitions } of topics) await lab.sourceAdmin.createTopic(topic, partitions)
  const job = lab.job('kill', {
    source: { bootstrap: [`127.0.0.1:${proxies[0]?.port}`] },
    target: { bootstrap: [`127.0.0.1:${proxies[1]?.port}`] },
    commitInterval: 20,
  })
  const writers = topics.map((choice) => new Writer(choice))
  const writing = writers.map((writer) => writer.run())
  let second: Worker | undefined
  for (let kill = 1; kill <= kills; kill++) {
    const worker = lab.worker({ ...job, workerId: 'first' })
    // Now and then it is killed before it copies anything, mostly while it does.
    if (randomInt(4) > 0) await copies(worker)
    await delay(randomInt(0, 400))
    if (kill % 3 === 0) proxies[kill % 2]?.cut()
    if (kill % 7 === 0) second = await comeOrGo(second, job)
    if (kill % brokerEvery === 0) {
      const broker = lab[kill % (2 * brokerEvery) === 0 ? 'source' : 'target'].broker(1)
      await broker.kill()
      await broker.start()
    }
    worker.kill('SIGKILL')
    await worker.ended
  }
  for (const writer of writers) writer.stop()
  await Promise.all(writing)
  const last = lab.worker({ ...job, workerId: 'last' })
  for (const { topic, partitions } of topics) await untilCopied(lab, topic, partitions, topic, 300)
  assert.equal(await last.stop(), 0)
  if (second) assert.equal(await second.stop(), 0)
  for (const { topic, partitions } of topics) {
    await assertCopied(lab, topic, partitions)
    await assertMapped(lab, job, topic, partitions)
  }
})

/** Resolves when the worker has copied something, or has been at it for long. */
async function copies(worker: Worker): Promise<void> {
  await worker.until('it copies', ({ records }) => records > 0, 120)
}

async function comeOrGo(second: Worker | undefined, job: LabJob): Promise<Worker | undefined> {
  if (!second) return lab.worker({ ...job, workerId: 'second' })
  if (randomInt(2) === 0) assert.equal(await second.stop(), 0)
  else {
    second.kill('SIGKILL')
    await second.ended
  }
  return undefined
}

/** Writes until stopped, through whatever happens to its cluster: plainly, or in transactions of which a third is aborted. */
class Writer {
  readonly #topic: string
  readonly #partitions: number
  readonly #transactional: boolean
  #running = true
  #n = 0

  constructor({ topic, partitions, transactional }: (typeof topics)[number]) {
    this.#topic = topic
    this.#partitions = partitions
    this.#transactional = transactional
  }

  stop(): void {
    this.#running = false
  }

  async run(): Promise<void> {
    let producer: JavaProducer | undefined
    while (this.#running) {
      try {
        producer ??= await this.#open()
        await this.#write(producer)
      } catch {
        // The broker was killed: what became of the last ones is for the reader to tell.
        producer = undefined
        await delay(200)
      }
      await delay(20)
    }
    await producer?.close().catch(() => {})
  }

  async #open(): Promise<JavaProducer> {
    return await lab.java.producer({
      'bootstrap.servers': lab.source.bootstrap,
      'delivery.timeout.ms': '120000',
      'linger.ms': '2',
      ...(this.#transactional && { 'transactional.id': this.#topic }),
    })
  }

  async #write(producer: JavaProducer): Promise<void> {
    const round = this.#n++
    if (this.#transactional) await producer.begin()
    for (let i = 0; i < 24; i++) {
      producer.send({
        topic: this.#topic,
        partition: i % this.#partitions,
        key: `${round}`,
        value: `${round}-${i}`,
      })
    }
    await producer.flush()
    if (this.#transactional) await (round % 3 === 0 ? producer.abort() : producer.commit())
  }
}
