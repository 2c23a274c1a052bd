/**
 * How fast is the data plane alone? Nothing is stored: what is read is thrown away.
 *
 *     node bench/data-plane.ts fetch BOOTSTRAP TOPIC            read a topic once, walk its batch headers, discard
 *     node bench/data-plane.ts produce BOOTSTRAP TOPIC TARGET   dump it to files, then write those to a new topic, acks=all, three times
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cluster,
  connectCluster,
  type FetchedBatches,
  Fetcher,
  type PartitionProducer,
  Producer,
} from '../src/kafka/index.ts'
import { batches, header } from '../src/records/index.ts'

interface Bounds {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  readonly from: bigint
  readonly stop: bigint
  readonly lastFetchedEpoch: number
}

async function boundsOf(cluster: Cluster, topic: string): Promise<Bounds[]> {
  const [info] = await cluster.topics([topic])
  if (!info) throw new Error(`No topic ${topic}`)
  const at = (name: 'earliest' | 'last-stable') =>
    cluster.listOffsets(info.partitions.map(({ partition }) => ({ topic, partition, at: name })))
  const [starts, ends] = await Promise.all([at('earliest'), at('last-stable')])
  return info.partitions.map(({ partition }, i) => ({
    topic,
    topicId: info.id,
    partition,
    from: starts[i]?.offset ?? 0n,
    stop: ends[i]?.offset ?? 0n,
    lastFetchedEpoch: -1,
  }))
}

async function readAll(
  cluster: Cluster,
  bounds: readonly Bounds[],
  take: (fetched: FetchedBatches) => void,
): Promise<void> {
  const fetcher = new Fetcher(cluster, {}, { batches: take, event() {} })
  for (const assignment of bounds) fetcher.add(assignment)
  await fetcher.run(AbortSignal.timeout(600_000))
}

function report(what: string, bytes: number, seconds: number, cpuBefore: NodeJS.CpuUsage): void {
  const cpu = process.cpuUsage(cpuBefore)
  const rate = (bytes / 1e6 / seconds).toFixed(0)
  const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0)
  process.stdout.write(
    `${what}: ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s = ${rate} MB/s, ` +
      `CPU ${(cpu.user / 1e6).toFixed(2)} + ${(cpu.system / 1e6).toFixed(2)} s, peak RSS ${rss} MB\n`,
  )
}

async function benchFetch(bootstrap: string, topic: string): Promise<void> {
  await using cluster = await connectCluster({ bootstrap: [bootstrap] })
  const bounds = await boundsOf(cluster, topic)
  let bytes = 0
  const cpu = process.cpuUsage()
  const started = performance.now()
  await readAll(cluster, bounds, (fetched) => {
    bytes += fetched.end - fetched.start
    fetched.release()
  })
  report(`fetch ${topic}`, bytes, (performance.now() - started) / 1000, cpu)
}

/** Raw log files of a topic, one for each partition. */
async function dump(cluster: Cluster, topic: string, folder: string): Promise<Bounds[]> {
  const bounds = await boundsOf(cluster, topic)
  const files = await Promise.all(bounds.map(({ partition }) => open(join(folder, `${partition}.log`), 'w')))
  const writes: Promise<unknown>[] = []
  const positions = bounds.map(() => 0)
  await readAll(cluster, bounds, (fetched) => {
    const at = positions[fetched.partition] ?? 0
    const length = fetched.end - fetched.start
    positions[fetched.partition] = at + length
    const written = files[fetched.partition]?.write(fetched.buffer, fetched.start, length, at)
    writes.push(Promise.resolve(written).finally(() => fetched.release()))
  })
  await Promise.all(writes)
  await Promise.all(files.map((file) => file.close()))
  return bounds
}

const chunkBytes = 8 << 20
/** The first round finds the disk busy with the dump, and code that is not compiled yet. */
const rounds = 3

/** Sends a raw log file: two chunks in turn, each read again when all of it has landed. */
async function sendFile(path: string, way: PartitionProducer): Promise<number> {
  await using file = await open(path, 'r')
  const chunks = [0, 1].map(() => ({ buffer: Buffer.allocUnsafeSlow(chunkBytes), free: Promise.resolve() }))
  let position = 0
  for (let turn = 0; ; turn++) {
    const chunk = chunks[turn % 2]
    if (!chunk) return position
    await chunk.free
    const { bytesRead } = await file.read(chunk.buffer, 0, chunkBytes, position)
    let open = 1
    const { promise, resolve } = Promise.withResolvers<void>()
    const landed = () => {
      if (--open === 0) resolve()
    }
    let end = 0
    for (const at of batches(chunk.buffer, 0, bytesRead)) {
      end = at + header.size(chunk.buffer, at)
      open++
      await way.send({
        buffer: chunk.buffer,
        start: at,
        end,
        records: header.recordsCount(chunk.buffer, at),
        landed,
      })
    }
    landed()
    chunk.free = promise
    position += end
    if (end === 0) return position
  }
}

async function benchProduce(bootstrap: string, topic: string, target: string): Promise<void> {
  await using cluster = await connectCluster({ bootstrap: [bootstrap] })
  const folder = await mkdtemp(join(tmpdir(), 'data-plane-'))
  try {
    const bounds = await dump(cluster, topic, folder)
    for (let round = 0; round < rounds; round++) await produceRound(cluster, topic, target, folder, bounds)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function produceRound(
  cluster: Cluster,
  topic: string,
  target: string,
  folder: string,
  bounds: readonly Bounds[],
): Promise<void> {
  await cluster.deleteTopics([target])
  const configs = { 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' }
  for (let made = false; !made; ) {
    const newTopic = { name: target, partitions: bounds.length, replicationFactor: 1, configs }
    made = (await cluster.createTopics([newTopic])).done.length > 0
  }
  const identity = await cluster.initProducerId()
  await using producer = new Producer(cluster, { identity })
  const cpu = process.cpuUsage()
  const started = performance.now()
  const sizes = await Promise.all(
    bounds.map(async ({ partition }) => {
      const way = producer.partition({ topic: target, partition, expectedBase: 0n })
      const size = await sendFile(join(folder, `${partition}.log`), way)
      await way.flush()
      return size
    }),
  )
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  report(`produce ${topic}`, bytes, (performance.now() - started) / 1000, cpu)
  await cluster.deleteTopics([target])
}

const [command, bootstrap = '', topic = '', target = ''] = process.argv.slice(2)
if (command === 'fetch') await benchFetch(bootstrap, topic)
else if (command === 'produce') await benchProduce(bootstrap, topic, target)
else process.exitCode = 2
