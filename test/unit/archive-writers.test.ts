import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBackup, openBackupWriter, validateBackup } from '../../src/archive/index.ts'
import { encodeBeat, thisWriter, type WriterBeat } from '../../src/archive/writer-entry.ts'
import { type Clock, isTidemarkError, systemClock } from '../../src/base/index.ts'
import { FaultStore } from '../../src/storage/faults.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { stackStore } from '../../src/storage/open-store.ts'
import type { Bytes, ObjectStore, PutOptions } from '../../src/storage/store.ts'
import { accountOf, batchBytes, chunkOf, writerContext } from '../support/archive-data.ts'

const source = { sourceClusterId: 'cluster-a' }
const orders = { topic: 'orders', topicId: undefined, partition: 0 }
const payments = { topic: 'payments', topicId: undefined, partition: 0 }

const open = (store: ObjectStore, context = writerContext()) =>
  openBackupWriter(store, 'nightly', source, context)

/** A clock that does not wait: what is slept passes at once. */
function hurriedClock(): Clock & { readonly slept: number } {
  let passed = 0
  return {
    now: () => systemClock.now() + passed,
    monotonic: () => systemClock.monotonic() + passed,
    sleep: async (ms) => {
      passed += ms
    },
    get slept() {
      return passed
    },
  }
}

/** Another run's entry, of a machine that cannot be looked into. */
async function leaveEntry(store: ObjectStore, beat: Partial<WriterBeat> & { readonly age?: number } = {}) {
  const now = Date.now()
  const writer = {
    ...thisWriter('20200101T000000Z-aaaaaaaaaaaa', now - 5000),
    host: 'elsewhere',
    space: 'other/1',
  }
  const entry: WriterBeat = {
    writer,
    state: 'running',
    beat: now - (beat.age ?? 0),
    serial: 4,
    head: 0,
    checkpoint: 0,
    ...beat,
  }
  await store.put(`nightly/writers/${writer.runId}.json`, encodeBeat(entry, 'nightly'))
  return entry
}

test('a second run of the same backup stops at once with an error that names the first', async () => {
  const store = new MemoryStore()
  await using first = await open(store)
  await assert.rejects(open(store), (error) => {
    assert.ok(isTidemarkError(error, 'BACKUP_IN_USE'))
    assert.match(error.message, new RegExp(`${first.runId}, process ${process.pid} on `))
    return true
  })
  // The one that had to stop has not harmed the first.
  await first.write(chunkOf(orders, batchBytes(orders, 0n, [3])))
  await first.commit({ accounts: [accountOf(orders, 0n, 3n)] })
})

test('of two runs that begin in the same moment at most one goes on', async () => {
  for (let round = 0; round < 10; round++) {
    const store = new MemoryStore()
    const tries = await Promise.allSettled([open(store), open(store)])
    const open_ = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    assert.ok(open_.length <= 1, 'both went on')
    for (const result of tries) {
      if (result.status === 'rejected') assert.ok(isTidemarkError(result.reason, 'BACKUP_IN_USE'))
    }
    for (const writer of open_) await writer[Symbol.asyncDispose]()
  }
})

test('an ended run, a run whose process is gone and a run that has been silent for long are in nobody’s way', async () => {
  for (const beat of [
    { state: 'ended' as const },
    { age: 120_000 },
    { writer: { ...thisWriter('20200101T000000Z-aaaaaaaaaaaa', 1000), pid: 2 ** 22 + 1 } },
    // The process number is alive, but it is another process now.
    { writer: { ...thisWriter('20200101T000000Z-aaaaaaaaaaaa', 1000), birth: '1' } },
  ]) {
    const store = new MemoryStore()
    await leaveEntry(store, beat)
    const clock = hurriedClock()
    await using writer = await open(store, { ...writerContext(), clock })
    assert.equal(clock.slept, 0)
    const keys: string[] = []
    for await (const { key } of store.list('nightly/writers/')) keys.push(key)
    assert.deepEqual(keys, [`nightly/writers/${writer.runId}.json`])
  }
})

test('a run elsewhere that may be alive is watched: silent is dead, beating is alive', async () => {
  const silent = new MemoryStore()
  await leaveEntry(silent)
  const clock = hurriedClock()
  await using writer = await open(silent, { ...writerContext(), clock })
  assert.ok(clock.slept >= 20_000)
  assert.ok(writer)
  const beating = new MemoryStore()
  const entry = await leaveEntry(beating)
  const watched: Clock = {
    ...systemClock,
    sleep: async () => {
      await leaveEntry(beating, { serial: entry.serial + 1 })
    },
  }
  await assert.rejects(open(beating, { ...writerContext(), clock: watched }), (error) => {
    assert.ok(isTidemarkError(error, 'BACKUP_IN_USE'))
    assert.match(error.message, /on elsewhere/)
    return true
  })
})

test('two runs that do not see each other: with a partition in common one wins and the other stops', async () => {
  const store = new MemoryStore()
  await using first = await open(store)
  await forgetWriters(store)
  await using second = await open(store)
  for (const writer of [first, second]) await writer.write(chunkOf(orders, batchBytes(orders, 0n, [4])))
  await second.commit({ accounts: [accountOf(orders, 0n, 4n)] })
  await assert.rejects(first.commit({ accounts: [accountOf(orders, 0n, 4n)] }), (error) => {
    assert.ok(isTidemarkError(error, 'BACKUP_IN_USE'))
    assert.match(error.message, new RegExp(second.runId))
    return true
  })
  await assert.rejects(first.write(chunkOf(orders, batchBytes(orders, 4n, [4]))), (error) =>
    isTidemarkError(error, 'BACKUP_IN_USE'),
  )
  await using reader = await openBackup(store, 'nightly')
  assert.equal(reader.commit, 1)
  assert.equal((await validateBackup(store, 'nightly', { deep: true })).errors, 0)
})

test('two runs that do not see each other: with other partitions both go on, under numbers of their own', async () => {
  const store = new MemoryStore()
  await using first = await open(store)
  await forgetWriters(store)
  await using second = await open(store)
  const runs = [
    { writer: first, name: orders },
    { writer: second, name: payments },
  ]
  for (let from = 0n; from < 40n; from += 4n) {
    await Promise.all(
      runs.map(async ({ writer, name }) => {
        await writer.write(chunkOf(name, batchBytes(name, from, [4])))
        await writer.commit({ accounts: [accountOf(name, from, from + 4n)] })
      }),
    )
  }
  await using reader = await openBackup(store, 'nightly')
  assert.equal(reader.commit, 20)
  for (const { name } of runs) assert.equal((await reader.topic(name.topic)).partitions.get(0)?.next, 40n)
  assert.equal((await validateBackup(store, 'nightly', { deep: true })).errors, 0)
})

test('a commit whose answer is lost is made once', async () => {
  for (const effect of [{ kind: 'fail-after' }, { kind: 'fail' }] as const) {
    const memory = new MemoryStore()
    const faults = [{ calls: ['put'] as const, keys: (key: string) => key.includes('/commits/'), effect }]
    const store = stackStore(memory, { faults, retries: { attempts: 3, delay: 1, maxDelay: 1 } })
    await using writer = await open(store)
    await writer.write(chunkOf(orders, batchBytes(orders, 0n, [4])))
    assert.equal((await writer.commit({ accounts: [accountOf(orders, 0n, 4n)] })).commit, 1)
    await writer.write(chunkOf(orders, batchBytes(orders, 4n, [4])))
    assert.equal((await writer.commit({ accounts: [accountOf(orders, 4n, 8n)] })).commit, 2)
    assert.equal((await validateBackup(memory, 'nightly', { deep: true })).errors, 0)
  }
})

test('a commit that is there although its put was answered with false is known by its token', async () => {
  const store = new (class extends MemoryStore {
    override async put(key: string, bytes: Bytes, options?: PutOptions): Promise<boolean> {
      const made = await super.put(key, bytes, options)
      return key.includes('/commits/') ? false : made
    }
  })()
  await using writer = await open(store)
  await writer.write(chunkOf(orders, batchBytes(orders, 0n, [4])))
  assert.equal((await writer.commit({ accounts: [accountOf(orders, 0n, 4n)] })).commit, 1)
})

test('a store that overwrites what should be made only if absent is refused before anything is committed', async () => {
  const store = new (class extends MemoryStore {
    override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
      return await super.put(key, bytes, { ...options, ifAbsent: false })
    }
  })()
  await assert.rejects(open(store), (error) => isTidemarkError(error, 'STORAGE_UNSUPPORTED'))
})

test('an object that cannot be written breaks the run: nothing of it is committed, and the next run completes', async () => {
  const memory = new MemoryStore()
  const faults = [{ calls: ['close'] as const, effect: { kind: 'fail' } as const }]
  const store = new FaultStore(memory, faults)
  {
    await using writer = await openBackupWriter(
      store,
      'nightly',
      { ...source, packBelow: 1 },
      writerContext(),
    )
    await writer.write(chunkOf(orders, batchBytes(orders, 0n, [4])))
    await assert.rejects(writer.commit({ accounts: [accountOf(orders, 0n, 4n)] }), (error) =>
      isTidemarkError(error, 'STORAGE_UNAVAILABLE'),
    )
    await assert.rejects(writer.commit({ accounts: [] }), (error) =>
      isTidemarkError(error, 'STORAGE_UNAVAILABLE'),
    )
  }
  assert.equal(store.hits, 1)
  await using writer = await open(store)
  assert.deepEqual(writer.states, [])
})

test('a backup of another cluster is refused', async () => {
  const store = new MemoryStore()
  await (await open(store))[Symbol.asyncDispose]()
  await assert.rejects(
    openBackupWriter(store, 'nightly', { sourceClusterId: 'cluster-b' }, writerContext()),
    (error) => isTidemarkError(error, 'SOURCE_MISMATCH'),
  )
})

test('ids that would leave the archive, or cannot be a folder, are refused', async () => {
  for (const id of ['', '..', '.hidden', '-x', 'a/b', 'a\\b', 'ä', 'a\nb', 'x'.repeat(129), '../../etc']) {
    await assert.rejects(openBackupWriter(new MemoryStore(), id, source, writerContext()), (error) =>
      isTidemarkError(error, 'CONFIG_INVALID'),
    )
    await assert.rejects(openBackup(new MemoryStore(), id), (error) =>
      isTidemarkError(error, 'CONFIG_INVALID'),
    )
  }
})

async function forgetWriters(store: ObjectStore): Promise<void> {
  for await (const { key } of store.list('nightly/writers/')) await store.delete([key])
}
