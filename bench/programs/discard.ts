/** `discard.ts BOOTSTRAP TOPIC`: fetches a topic to its end and throws it away; prints MB/s. */
import { connectCluster, Fetcher } from '../../src/kafka/index.ts'
import { repeats } from './repeats.ts'

const [bootstrap = '', topic = ''] = process.argv.slice(2)

await repeats(async () => {
  await using cluster = await connectCluster({ bootstrap: [bootstrap] })
  const [info] = await cluster.topics([topic])
  if (!info) throw new Error(`no topic ${topic}`)
  const partitions = info.partitions.map(({ partition }) => ({ topic, partition }))
  const ends = await cluster.listOffsets(
    partitions.map((partition) => ({ ...partition, at: 'latest' as const })),
  )
  let bytes = 0
  const fetcher = new Fetcher(
    cluster,
    {},
    {
      batches: (fetched) => {
        bytes += fetched.end - fetched.start
        fetched.release()
      },
      event: () => {},
    },
  )
  for (const { partition, offset } of ends) {
    fetcher.add({ topic, topicId: info.id, partition, from: 0n, stop: offset ?? 0n, lastFetchedEpoch: -1 })
  }
  await fetcher.run(new AbortController().signal)
  return bytes
})
