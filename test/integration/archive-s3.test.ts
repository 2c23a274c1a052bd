import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { listBackups, openBackup, openBackupWriter, validateBackup } from '../../src/archive/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { accountOf, batchBytes, chunkOf, writerContext } from '../support/archive-data.ts'
import { readAll, writeGolden } from '../support/golden-archive.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

const orders = { topic: 'orders', topicId: undefined, partition: 0 }
let server: S3Server

before(async () => {
  server = await startS3Server()
  await server.bucket('archive')
})

after(async () => {
  await server?.[Symbol.asyncDispose]()
})

const bucket = (prefix: string): Promise<ObjectStore> => openStore(server.spec('archive', { prefix }))

test('an archive in a bucket is the same as in a folder', async () => {
  await using store = await bucket('same')
  await writeGolden(store)
  await using reader = await openBackup(store, 'golden')
  const expected = JSON.parse(
    await readFile(new URL('../golden/archive-v1/expected.json', import.meta.url), 'utf8'),
  )
  const plain = (all: unknown) =>
    JSON.parse(JSON.stringify(all).replaceAll(/ \((none|zstd|lz4|gzip)\)"/g, '"'))
  assert.deepEqual(plain(await readAll(reader)), plain(expected))
  assert.deepEqual(
    (await listBackups(store)).map(({ backupId }) => backupId),
    ['golden'],
  )
  assert.equal((await validateBackup(store, 'golden', { deep: true })).errors, 0)
})

test('large chunks of many partitions go into a bucket and come back, with few uploads open', async () => {
  await using store = await bucket('large')
  const accounts = []
  {
    await using writer = await openBackupWriter(
      store,
      'b',
      { sourceClusterId: 'c', codec: 'none' },
      writerContext(),
    )
    const writes = []
    for (let partition = 0; partition < 24; partition++) {
      const name = { ...orders, partition }
      for (let i = 0n; i < 2n; i++) {
        const bytes = batchBytes(name, i * 1500n, Array(15).fill(100), { valueBytes: 600 })
        writes.push(writer.write(chunkOf(name, bytes)))
      }
      accounts.push(accountOf(name, 0n, 3000n))
    }
    await Promise.all(writes)
    await writer.commit({ accounts })
  }
  const report = await validateBackup(store, 'b', { deep: true })
  assert.equal(report.errors, 0)
  assert.equal(report.records, 24 * 3000)
})

test('two runs in one bucket that do not see each other: one wins, the other stops', async () => {
  await using store = await bucket('two')
  const open = () => openBackupWriter(store, 'b', { sourceClusterId: 'c' }, writerContext())
  await using first = await open()
  for await (const { key } of store.list('b/writers/')) await store.delete([key])
  await using second = await open()
  const outcomes = await Promise.allSettled(
    [first, second].map(async (writer) => {
      await writer.write(chunkOf(orders, batchBytes(orders, 0n, [5])))
      return await writer.commit({ accounts: [accountOf(orders, 0n, 5n)] })
    }),
  )
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.equal(refused.length, 1)
  assert.ok(isTidemarkError(refused[0]?.reason, 'BACKUP_IN_USE'))
  assert.equal((await validateBackup(store, 'b', { deep: true })).errors, 0)
})
