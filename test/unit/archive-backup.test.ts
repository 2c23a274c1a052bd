import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BackupWriter,
  type ChunkRef,
  chunkMemory,
  type Finding,
  openBackup,
  openBackupWriter,
  type PositionCapture,
  type TopicIndex,
  validateBackup,
} from '../../src/archive/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import type { Bytes } from '../../src/storage/store.ts'
import { accountOf, batchBytes, chunkOf, describedTopic, writerContext } from '../support/archive-data.ts'

const source = { sourceClusterId: 'cluster-a', sourceName: 'prod' }
const orders = { topic: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0 }

const open = (store: MemoryStore, options = {}) =>
  openBackupWriter(store, 'nightly', { ...source, ...options }, writerContext())

async function offsetsOf(refs: Iterable<ChunkRef>): Promise<string[]> {
  return [...refs].map(({ from, to }) => `${from}-${to}`)
}

async function findings(store: MemoryStore, deep = true): Promise<Finding[]> {
  const found: Finding[] = []
  await validateBackup(store, 'nightly', { deep, onFinding: (finding) => found.push(finding) })
  return found
}

/** Writes a chunk and commits it. */
async function copy(
  writer: BackupWriter,
  name: typeof orders,
  from: bigint,
  counts: readonly number[],
  more: Parameters<typeof accountOf>[3] = {},
) {
  const bytes = batchBytes(name, from, counts)
  const to = from + BigInt(counts.reduce((a, b) => a + b, 0))
  await writer.write(chunkOf(name, bytes))
  return await writer.commit({ accounts: [accountOf(name, from, to, more)] })
}

function partition(index: TopicIndex, number = 0) {
  const found = index.partitions.get(number)
  assert.ok(found)
  return found
}

test('what was committed is read back byte for byte, and a second run goes on where the first ended', async () => {
  const store = new MemoryStore()
  const first = batchBytes(orders, 0n, [3, 4])
  const second = batchBytes(orders, 7n, [5])
  {
    await using writer = await open(store)
    assert.deepEqual(writer.states, [])
    await writer.write(chunkOf(orders, first))
    const made = await writer.commit({
      accounts: [accountOf(orders, 0n, 7n)],
      topics: [describedTopic('orders', orders.topicId)],
      final: true,
    })
    assert.equal(made.commit, 1)
    assert.equal(made.chunks, 1)
  }
  {
    await using writer = await open(store)
    assert.deepEqual(writer.states, [{ ...orders, next: 7n, leaderEpoch: 3 }])
    assert.deepEqual(writer.topics.get('orders'), describedTopic('orders', orders.topicId))
    await writer.write(chunkOf(orders, second))
    assert.equal((await writer.commit({ accounts: [accountOf(orders, 7n, 12n)] })).commit, 2)
  }
  await using reader = await openBackup(store, 'nightly')
  assert.equal(reader.commit, 2)
  const index = await reader.topic('orders')
  assert.deepEqual(index.description, describedTopic('orders', orders.topicId))
  const { chunks, covered, next } = partition(index)
  assert.deepEqual(covered, [{ from: 0n, to: 12n }])
  assert.equal(next, 12n)
  assert.equal(chunks.length, 2)
  const bytes: Buffer[] = []
  for (const { chunk } of chunks) bytes.push(await reader.read(chunk))
  assert.ok(Buffer.concat(bytes).equals(Buffer.concat([first, second])))
  const summary = await reader.summary()
  assert.equal(summary.complete, false)
  assert.equal(summary.topics[0]?.records, 12)
  assert.equal(summary.identity.sourceName, 'prod')
  assert.deepEqual(await findings(store), [])
})

for (const codec of ['none', 'zstd', 'lz4', 'gzip', 'auto'] as const) {
  test(`chunks stored with the codec ${codec} come back as they were, whatever memory they lie in`, async () => {
    const store = new MemoryStore()
    const plain = batchBytes(orders, 0n, [400], { valueBytes: 1000 })
    const shared = chunkMemory(plain.length)
    const later = batchBytes(orders, 400n, [400], { valueBytes: 1000 })
    later.copy(shared)
    {
      await using writer = await open(store, { codec, packBelow: 1 })
      await writer.write(chunkOf(orders, plain))
      await writer.write(chunkOf(orders, shared))
      await writer.commit({ accounts: [accountOf(orders, 0n, 800n)] })
    }
    await using reader = await openBackup(store, 'nightly')
    const [a, b] = [...partition(await reader.topic('orders')).chunks]
    assert.ok(a && b)
    assert.ok((await reader.read(a.chunk)).equals(plain))
    assert.ok((await reader.read(b.chunk, { into: Buffer.alloc(shared.length + 5) })).equals(later))
    assert.equal(a.chunk.object, b.chunk.object)
    assert.deepEqual(await findings(store), [])
  })
}

test('codec auto leaves alone what producers had compressed', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  const bytes = batchBytes(orders, 0n, [50])
  await writer.write(chunkOf(orders, bytes, true))
  await writer.write(chunkOf({ ...orders, partition: 1 }, bytes, false))
  await writer.commit({
    accounts: [accountOf(orders, 0n, 50n), accountOf({ ...orders, partition: 1 }, 0n, 50n)],
  })
  await using reader = await openBackup(store, 'nightly')
  const index = await reader.topic('orders')
  assert.equal(partition(index, 0).chunks.at(0)?.chunk.codec, 'none')
  assert.equal(partition(index, 1).chunks.at(0)?.chunk.codec, 'zstd')
})

test('small chunks of many partitions share a pack; large ones have objects of their own that are closed when full', async () => {
  const store = new MemoryStore()
  await using writer = await open(store, { codec: 'none', packBelow: 4096, objectBytes: 30_000 })
  const accounts = []
  for (let p = 0; p < 50; p++) {
    const name = { ...orders, partition: p }
    await writer.write(chunkOf(name, batchBytes(name, 0n, [2])))
    accounts.push(accountOf(name, 0n, 2n))
  }
  const big = { ...orders, partition: 99 }
  for (let i = 0; i < 6; i++) {
    await writer.write(chunkOf(big, batchBytes(big, BigInt(i * 10), [10], { valueBytes: 1000 })))
  }
  await writer.commit({ accounts: [...accounts, accountOf(big, 0n, 60n)] })
  const keys: string[] = []
  for await (const { key } of store.list('nightly/')) keys.push(key)
  assert.equal(keys.filter((key) => key.includes('/packs/')).length, 1)
  const objects = keys.filter((key) => key.includes('/topics/orders/99/'))
  assert.equal(objects.length, 2)
  assert.match(objects[0] ?? '', /\/99\/00000000000000000000\.\d{8}T\d{6}Z-[0-9a-f]{12}-\d{6}\.log$/)
  assert.deepEqual(await findings(store), [])
})

test('however many partitions are written at once, few objects are open, and all chunks arrive', async () => {
  let open_ = 0
  let most = 0
  const store = new (class extends MemoryStore {
    override async create(key: string) {
      const writer = await super.create(key)
      most = Math.max(most, ++open_)
      return {
        get size() {
          return writer.size
        },
        write: (bytes: Bytes) => writer.write(bytes),
        close: async () => {
          await writer.close()
          open_--
        },
        abort: () => writer.abort(),
      }
    }
  })()
  await using writer = await open(store, { codec: 'none', packBelow: 1 })
  const accounts = []
  const writes = []
  for (let p = 0; p < 300; p++) {
    const name = { ...orders, partition: p }
    // Every tenth is too large for being packed when no more objects may be opened.
    const size = p % 10 === 0 ? 4_500_000 : 500
    for (const from of [0n, 2n]) {
      writes.push(writer.write(chunkOf(name, batchBytes(name, from, [2], { valueBytes: size / 2 }))))
    }
    accounts.push(accountOf(name, 0n, 4n))
  }
  await Promise.all(writes)
  const made = await writer.commit({ accounts })
  assert.equal(made.chunks, 600)
  assert.ok(most <= 66, `${most} objects were open`)
  assert.equal(open_, 0)
  assert.deepEqual(await findings(store), [])
})

test('chunks written while a commit is made belong to the next one', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  await writer.write(chunkOf(orders, batchBytes(orders, 0n, [5])))
  const first = writer.commit({ accounts: [accountOf(orders, 0n, 5n)] })
  const written = writer.write(chunkOf(orders, batchBytes(orders, 5n, [5])))
  assert.equal((await first).chunks, 1)
  await written
  assert.equal((await writer.commit({ accounts: [accountOf(orders, 5n, 10n)] })).chunks, 1)
  assert.deepEqual(await findings(store), [])
})

test('nothing of what was written without a commit is ever shown', async () => {
  const store = new MemoryStore()
  {
    await using writer = await open(store, { packBelow: 1 })
    await writer.write(chunkOf(orders, batchBytes(orders, 0n, [5])))
  }
  await using reader = await openBackup(store, 'nightly')
  assert.equal(reader.commit, 0)
  assert.deepEqual((await reader.summary()).topics, [])
  await assert.rejects(reader.topic('orders'), (error) => isTidemarkError(error, 'TOPIC_NOT_FOUND'))
})

test('a chunk that no account covers, or an account that leaves a hole, is refused before anything is committed', async () => {
  const store = new MemoryStore()
  {
    await using writer = await open(store)
    await writer.write(chunkOf(orders, batchBytes(orders, 0n, [5])))
    await assert.rejects(writer.commit({ accounts: [accountOf(orders, 0n, 4n)] }), (error) =>
      isTidemarkError(error, 'INTERNAL'),
    )
    await assert.rejects(writer.commit({ accounts: [] }), (error) => isTidemarkError(error, 'INTERNAL'))
  }
  await using writer = await open(store)
  await copy(writer, orders, 0n, [5])
  await assert.rejects(copy(writer, orders, 6n, [5]), (error) => isTidemarkError(error, 'INTERNAL'))
  await using reader = await openBackup(store, 'nightly')
  assert.equal(reader.commit, 1)
})

test('overlapping chunks count once: what was there first stays, the rest is cut', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  await copy(writer, orders, 0n, [5, 5])
  // The first batch of the second chunk begins below the range that the account speaks of.
  await writer.write(chunkOf(orders, batchBytes(orders, 5n, [5, 5])))
  await writer.commit({ accounts: [accountOf(orders, 10n, 15n)] })
  await using reader = await openBackup(store, 'nightly')
  const { chunks } = partition(await reader.topic('orders'))
  assert.deepEqual(await offsetsOf(chunks), ['0-10', '10-15'])
  assert.deepEqual(await findings(store), [])
})

test('a divergence cuts the dead branch away, also in the middle of a chunk and over several commits', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  await copy(writer, orders, 0n, [10])
  await copy(writer, orders, 10n, [10], { aborted: [{ from: 18n, to: 20n }] })
  await copy(writer, orders, 20n, [5])
  const gap = { from: 14n, to: 25n, reason: 'truncated', found: 5 } as const
  await writer.write(chunkOf(orders, batchBytes(orders, 14n, [3], { branch: 'b' })))
  await writer.commit({
    accounts: [accountOf(orders, 14n, 17n, { divergence: 14n, gaps: [gap], leaderEpoch: 9 })],
  })
  await using reader = await openBackup(store, 'nightly')
  const line = partition(await reader.topic('orders'))
  assert.deepEqual(await offsetsOf(line.chunks), ['0-10', '10-14', '14-17'])
  assert.deepEqual(line.covered, [{ from: 0n, to: 17n }])
  assert.deepEqual(line.aborted, [])
  assert.deepEqual(line.gaps, [gap])
  assert.equal(line.leaderEpoch, 9)
  assert.deepEqual(writer.states, [])
  await using again = await openBackup(store, 'nightly', { commit: 3 })
  const before = partition(await again.topic('orders'))
  assert.deepEqual(await offsetsOf(before.chunks), ['0-10', '10-20', '20-25'])
  assert.deepEqual(await findings(store), [])
})

test('generations of a topic are kept apart, and the newest is the one that is meant', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  await copy(writer, orders, 0n, [10])
  const end = { from: 10n, to: 10n, reason: 'recreated', found: 5 } as const
  const reborn = { ...orders, topicId: 'BBBBBBBBBBBBBBBBBBBBBB' }
  await writer.write(chunkOf(reborn, batchBytes(reborn, 0n, [4])))
  await writer.commit({
    accounts: [accountOf(orders, 10n, 10n, { gaps: [end] }), accountOf(reborn, 0n, 4n)],
    topics: [describedTopic('orders', reborn.topicId, 3)],
  })
  await using reader = await openBackup(store, 'nightly')
  assert.equal(partition(await reader.topic('orders')).next, 4n)
  assert.equal(partition(await reader.topic('orders', orders.topicId)).next, 10n)
  const { topics } = await reader.summary()
  assert.deepEqual(
    topics.map((topic) => [topic.topicId, topic.superseded, topic.partitions, topic.gaps]),
    [
      [orders.topicId, true, 1, 1],
      [reborn.topicId, false, 3, 0],
    ],
  )
  await using next = await open(new MemoryStore())
  assert.deepEqual(next.states, [])
})

test('the end of a generation is part of its state until something more of it comes', async () => {
  const store = new MemoryStore()
  {
    await using writer = await open(store)
    await copy(writer, orders, 0n, [10])
    const lost = { from: 10n, to: 10n, reason: 'lost', found: 5 } as const
    await writer.commit({ accounts: [accountOf(orders, 10n, 10n, { gaps: [lost] })] })
  }
  {
    await using writer = await open(store)
    assert.equal(writer.states[0]?.ended, 'lost')
    await copy(writer, orders, 10n, [2])
  }
  await using writer = await open(store)
  assert.equal(writer.states[0]?.ended, undefined)
})

test('positions are kept apart from commits, and the same ones are stored once', async () => {
  const store = new MemoryStore()
  const capture: PositionCapture = {
    taken: 1000,
    groups: [
      {
        group: 'billing',
        type: 'classic',
        state: 'Stable',
        protocolType: 'consumer',
        members: 2,
        positions: [
          { topic: 'orders', partition: 0, offset: 9_007_199_254_740_993n, leaderEpoch: -1, metadata: null },
          { topic: '__proto__', partition: 7, offset: 3n, leaderEpoch: 4, metadata: '', unstable: true },
        ],
      },
    ],
    failed: [{ group: 'ünreadable', error: 'no' }],
  }
  await using writer = await open(store)
  await writer.commit({ accounts: [], positions: capture, final: true })
  await writer.commit({ accounts: [], positions: { ...capture, taken: 2000 } })
  await using reader = await openBackup(store, 'nightly')
  assert.deepEqual(await reader.positions(), { ...capture, taken: 2000 })
  const keys: string[] = []
  for await (const { key } of store.list('nightly/positions/')) keys.push(key)
  assert.equal(keys.length, 1)
  assert.equal((await reader.summary()).groups, 1)
  assert.deepEqual(await findings(store), [])
})

test('descriptions have a history', async () => {
  const store = new MemoryStore()
  await using writer = await open(store)
  const before = describedTopic('orders', orders.topicId)
  const after = { ...before, configs: { 'retention.ms': '1' } }
  await writer.commit({ accounts: [accountOf(orders, 0n, 0n)], topics: [before] })
  await writer.commit({ accounts: [], topics: [after] })
  await using reader = await openBackup(store, 'nightly')
  assert.deepEqual(
    (await reader.history('orders')).map(({ commit, description }) => [commit, description]),
    [
      [1, before],
      [2, after],
    ],
  )
  assert.deepEqual((await reader.topic('orders')).description, after)
})
