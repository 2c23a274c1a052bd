import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BackupReader, openBackup, openBackupWriter, validateBackup } from '../../src/archive/index.ts'
import { FaultStore } from '../../src/storage/faults.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import type { ObjectStore } from '../../src/storage/store.ts'
import { accountOf, batchBytes, chunkOf, describedTopic, writerContext } from '../support/archive-data.ts'

const topics = ['orders', 'payments', 'a.b_c-d'].map((topic, i) => ({
  topic,
  topicId: i === 0 ? undefined : `${'A'.repeat(21)}${i}`,
}))

/** Commits with a chunk here and there, gaps, aborted ranges and, every `cutEvery` commits, a divergence. */
async function fill(store: ObjectStore, commits: number, cutEvery = 0, runs = 1): Promise<void> {
  for (let run = 0; run < runs; run++) {
    await using writer = await openBackupWriter(store, 'b', { sourceClusterId: 'c' }, writerContext())
    const next = new Map(writer.states.map((state) => [`${state.topic}/${state.partition}`, state.next]))
    for (let i = 0; i < commits; i++) {
      const name = { ...topics[i % 3], partition: i % 2 } as {
        topic: string
        topicId: string
        partition: number
      }
      const key = `${name.topic}/${name.partition}`
      const cut = cutEvery > 0 && i % cutEvery === cutEvery - 1
      let from = next.get(key) ?? 100n
      const more = { gaps: [], aborted: [] } as object
      if (cut) {
        const at = from > 107n ? from - 7n : 100n
        Object.assign(more, {
          divergence: at,
          gaps: [{ from: at, to: from, reason: 'truncated', found: i }],
          leaderEpoch: i,
        })
        from = at
      } else if (i % 5 === 0) {
        Object.assign(more, { gaps: [{ from: from + 4n, to: from + 6n, reason: 'retention', found: i }] })
      } else if (i % 7 === 0) Object.assign(more, { aborted: [{ from: from + 4n, to: from + 5n }] })
      await writer.write(chunkOf(name, batchBytes(name, from, [3, 1], { branch: cut ? `cut${i}` : '' })))
      await writer.commit({
        accounts: [accountOf(name, from, from + 6n, more)],
        topics: i % 20 === 0 ? [describedTopic(name.topic, name.topicId, 2 + i)] : [],
        ...(i % 30 === 0 && {
          positions: { taken: i, groups: [], failed: [{ group: `g${i}`, error: 'x' }] },
        }),
      })
      next.set(key, from + 6n)
    }
  }
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(`b/${prefix}`)) keys.push(key)
  return keys
}

/** Everything that a reader says, as plain values. */
async function everything(reader: BackupReader): Promise<unknown> {
  const summary = await reader.summary()
  const indexes = []
  for (const { topic, topicId } of summary.topics) {
    const index = await reader.topic(topic, topicId)
    const partitions = [...index.partitions.values()].map((p) => ({ ...p, chunks: [...p.chunks] }))
    indexes.push({ ...index, partitions, history: await reader.history(topic) })
  }
  return { summary, indexes, positions: await reader.positions() }
}

/** The same backup without its checkpoints. */
async function withoutCheckpoints(store: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  for await (const { key } of store.list('')) {
    if (!key.includes('/checkpoints/')) await copy.put(key, await store.get(key))
  }
  return copy
}

for (const cutEvery of [0, 11]) {
  const what = cutEvery === 0 ? 'without' : 'with'
  test(`a checkpoint says what the commits say, ${what} divergences, over many runs and merges`, async () => {
    const store = new MemoryStore()
    await fill(store, 250, cutEvery, 3)
    const roots = (await keysOf(store, 'checkpoints/')).filter((key) => key.endsWith('root.json'))
    assert.ok(roots.length >= 10, `${roots.length} checkpoints`)
    await using quick = await openBackup(store, 'b')
    await using slow = await openBackup(await withoutCheckpoints(store), 'b')
    assert.deepEqual(await everything(quick), await everything(slow))
    const report = await validateBackup(store, 'b', { deep: true })
    assert.equal(report.errors, 0)
    assert.equal(report.orphans, 0)
    assert.equal(report.checkpoints, roots.length)
  })
}

test('opening and describing read no commit that is older than the checkpoint', async () => {
  const store = new MemoryStore()
  await fill(store, 140)
  const read: string[] = []
  const watched = new (class extends MemoryStore {
    override get(key: string): Promise<Buffer> {
      read.push(key)
      return store.get(key)
    }
    override read(key: string, position: number, target: Buffer): Promise<void> {
      return store.read(key, position, target)
    }
    override head(key: string) {
      return store.head(key)
    }
    override list(prefix: string, options?: object) {
      return store.list(prefix, options)
    }
  })()
  await using reader = await openBackup(watched, 'b')
  await reader.summary()
  await reader.topic('payments')
  const commits = read.filter((key) => key.includes('/commits/')).sort()
  assert.equal(commits[0], `b/commits/${'129'.padStart(20, '0')}.json`)
  assert.equal(commits.length, 12)
})

test('a backup can be read as of each of its commits', async () => {
  const store = new MemoryStore()
  await fill(store, 150, 11)
  const plain = await withoutCheckpoints(store)
  for (const commit of [0, 1, 63, 64, 65, 100, 127, 128, 129, 150]) {
    await using quick = await openBackup(store, 'b', { commit })
    await using slow = await openBackup(plain, 'b', { commit })
    assert.equal(quick.commit, commit)
    assert.deepEqual(await everything(quick), await everything(slow))
  }
  await assert.rejects(openBackup(store, 'b', { commit: 151 }), /has no commit 151/)
})

test('a checkpoint that cannot be made fails nothing', async () => {
  const memory = new MemoryStore()
  const faults = [
    {
      calls: ['put'] as const,
      keys: (key: string) => key.includes('/checkpoints/'),
      times: 1e9,
      effect: { kind: 'fail' } as const,
    },
  ]
  const store = new FaultStore(memory, faults)
  await fill(store, 100)
  assert.ok(store.hits > 1)
  assert.ok(store.hits < 10, 'it is not tried after every commit')
  assert.equal((await validateBackup(memory, 'b', { deep: true })).errors, 0)
  await fill(memory, 1)
  assert.ok((await keysOf(memory, 'checkpoints/')).length > 0)
})

test('damaged and missing checkpoints are passed over, for reading and for writing', async () => {
  const store = new MemoryStore()
  await fill(store, 140, 11)
  await using good = await openBackup(await withoutCheckpoints(store), 'b')
  const truth = await everything(good)
  for (const key of (await keysOf(store, 'checkpoints/')).reverse()) {
    const bytes = await store.get(key)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    await store.put(key, bytes)
    await using reader = await openBackup(store, 'b')
    assert.deepEqual(await everything(reader), truth)
  }
  await fill(store, 3)
  await store.delete(await keysOf(store, 'checkpoints/'))
  await fill(store, 3)
  await using reader = await openBackup(store, 'b')
  assert.equal(reader.commit, 146)
})
