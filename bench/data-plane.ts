/**
 * How fast is the data plane alone? Nothing is stored: what is read is thrown away.
 *
 *     node bench/data-plane.ts fetch BOOTSTRAP TOPIC            read a topic once, walk its batch headers, discard
 *     node bench/data-plane.ts produce BOOTSTRAP TOPIC TARGET   read it into memory, then write it to another topic, acks=all
 */
import { type Cluster, connectCluster, Fetcher, type FetchedBatches } from '../src/kafka/index.ts'

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

const [command, bootstrap = '', topic = ''] = process.argv.slice(2)
if (command === 'fetch') await benchFetch(bootstrap, topic)
else process.exitCode = 2
