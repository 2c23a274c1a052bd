import { type Cluster, Fetcher } from '../../src/kafka/index.ts'
import { batches, dropAborted, header } from '../../src/records/index.ts'

/** Data that a reader of committed records sees in a topic, by the headers of its batches. */
export async function committedRecords(cluster: Cluster, topic: string): Promise<number> {
  const [info] = await cluster.topics([topic])
  if (!info) throw new Error(`no topic ${topic}`)
  const places = info.partitions.map(({ partition }) => ({ topic, partition }))
  const ends = await cluster.listOffsets(places.map((place) => ({ ...place, at: 'last-stable' as const })))
  let records = 0
  const fetcher = new Fetcher(
    cluster,
    {},
    {
      batches: ({ buffer, start, end, aborted, partition, release }) => {
        for (const range of dropAborted(buffer, start, end, aborted, { topic, partition }).kept) {
          for (const at of batches(buffer, range.start, range.end)) {
            if (!header.isControl(buffer, at)) records += header.recordsCount(buffer, at)
          }
        }
        release()
      },
      event: () => {},
    },
  )
  for (const { partition, offset } of ends) {
    fetcher.add({ topic, topicId: info.id, partition, from: 0n, stop: offset ?? 0n, lastFetchedEpoch: -1 })
  }
  await fetcher.run(new AbortController().signal)
  return records
}
