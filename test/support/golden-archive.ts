import { type BackupReader, openBackupWriter } from '../../src/archive/index.ts'
import { batches, decodeBatch } from '../../src/records/index.ts'
import type { ObjectStore } from '../../src/storage/store.ts'
import { accountOf, batchBytes, chunkOf, describedTopic, writerContext } from './archive-data.ts'

const orders = { topic: 'orders', topicId: 'b3JkZXJzLWlkLW51bWJlcg', partition: 0 }
const reborn = { ...orders, topicId: 'b3JkZXJzLXJlYm9ybi1pZA' }
const legacy = { topic: 'legacy.events', topicId: undefined, partition: 12 }

/**
 * Writes the backup `golden`: every codec, packs and objects, gaps, aborted ranges, a divergence, two generations, captures,
 * checkpoints, and offsets beyond 2^53.
 */
export async function writeGolden(store: ObjectStore): Promise<void> {
  for (const codec of ['none', 'zstd', 'lz4', 'gzip', 'auto'] as const) {
    await using writer = await openBackupWriter(
      store,
      'golden',
      {
        sourceClusterId: 'kafka-cluster-id-1234',
        sourceName: 'shop',
        codec,
        packBelow: codec === 'auto' ? 1 << 20 : 1,
        checkpointEvery: 3,
      },
      writerContext(),
    )
    const at = writer.states.find(({ topicId }) => topicId === orders.topicId)?.next ?? 100n
    const far = writer.states.find(({ topic }) => topic === legacy.topic)?.next ?? 9_007_199_254_740_990n
    const size = { valueBytes: codec === 'auto' ? 300 : 0 }
    await writer.write(chunkOf(orders, batchBytes(orders, at, [2, 1], size)))
    await writer.write(chunkOf(orders, batchBytes(orders, at + 6n, [2], size)))
    await writer.write(chunkOf(legacy, batchBytes(legacy, far, [2])))
    const gap = { from: at + 3n, to: at + 5n, reason: 'retention', found: 1_700_000_000_000 } as const
    await writer.commit({
      accounts: [
        accountOf(orders, at, at + 8n, { gaps: [gap], aborted: [{ from: at + 5n, to: at + 6n }] }),
        accountOf(legacy, far, far + 2n),
      ],
      topics: [
        { ...describedTopic('orders', orders.topicId), configs: { 'compression.type': codec } },
        describedTopic(legacy.topic, undefined, 13),
      ],
      positions: {
        taken: 1_700_000_000_000,
        groups: [
          {
            group: 'billing',
            type: 'consumer',
            state: 'Empty',
            protocolType: 'consumer',
            members: 0,
            positions: [
              { topic: 'orders', partition: 0, offset: at + 2n, leaderEpoch: 3, metadata: 'état' },
              {
                topic: legacy.topic,
                partition: 12,
                offset: far,
                leaderEpoch: -1,
                metadata: null,
                unstable: true,
              },
            ],
          },
        ],
        failed: [{ group: 'secret', error: 'GROUP_AUTHORIZATION_FAILED' }],
      },
    })
    await writer.commit({ accounts: [], final: true })
  }
  await using writer = await openBackupWriter(
    store,
    'golden',
    { sourceClusterId: 'kafka-cluster-id-1234' },
    writerContext(),
  )
  const cut = { from: 133n, to: 140n, reason: 'truncated', found: 1_700_000_000_001 } as const
  await writer.write(chunkOf(orders, batchBytes(orders, 133n, [2], { branch: ' after the election' })))
  await writer.commit({
    accounts: [accountOf(orders, 133n, 135n, { divergence: 133n, gaps: [cut], leaderEpoch: 4 })],
  })
  const over = { from: 135n, to: 135n, reason: 'recreated', found: 1_700_000_000_002 } as const
  await writer.write(chunkOf(reborn, batchBytes(reborn, 0n, [1])))
  await writer.commit({
    accounts: [accountOf(orders, 135n, 135n, { gaps: [over] }), accountOf(reborn, 0n, 1n)],
    topics: [describedTopic('orders', reborn.topicId, 2)],
    final: true,
  })
}

/** Everything that a reader says of a backup, down to the records, as JSON values; leaves out what differs from one making to the next. */
export async function readAll(reader: BackupReader): Promise<unknown> {
  const { identity, ...summary } = await reader.summary()
  const topics = []
  for (const { topic, topicId } of summary.topics) {
    const index = await reader.topic(topic, topicId)
    const partitions = []
    for (const [partition, { chunks, ...line }] of index.partitions) {
      const records: string[] = []
      for (const { chunk, from, to } of chunks) {
        const bytes = await reader.read(chunk)
        for (const at of batches(bytes, 0, bytes.length, { complete: true })) {
          for (const { offset, value, timestamp } of decodeBatch(bytes, at)) {
            if (offset >= from && offset < to)
              records.push(`${offset} @${timestamp} ${value} (${chunk.codec})`)
          }
        }
      }
      partitions.push({ ...line, partition, records })
    }
    const history = (await reader.history(topic)).map(({ commit, description }) => ({ commit, description }))
    topics.push({ topic, topicId, description: index.description, partitions, history })
  }
  const { formatVersion, backupId, sourceClusterId, sourceName } = identity
  const all = {
    identity: { formatVersion, backupId, sourceClusterId, sourceName },
    summary: {
      ...summary,
      lastCommitTime: 0,
      topics: summary.topics.map((topic) => ({ ...topic, storedBytes: 0 })),
    },
    topics,
    positions: await reader.positions(),
  }
  return JSON.parse(
    JSON.stringify(all, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
  )
}
