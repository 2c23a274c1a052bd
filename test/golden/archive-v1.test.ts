import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openBackup, openBackupWriter, validateBackup } from '../../src/archive/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { accountOf, batchBytes, chunkOf, writerContext } from '../support/archive-data.ts'
import { readAll, writeGolden } from '../support/golden-archive.ts'

const folder = new URL('./archive-v1/', import.meta.url).pathname

async function expected(): Promise<unknown> {
  return JSON.parse(await readFile(`${folder}expected.json`, 'utf8'))
}

test('an archive of format version 1 is read to the last record, with and without its checkpoints', async () => {
  const stored = new FilesystemStore(folder)
  await using reader = await openBackup(stored, 'golden')
  assert.deepEqual(await readAll(reader), await expected())
  const plain = new MemoryStore()
  for await (const { key } of stored.list('golden/')) {
    if (!key.includes('/checkpoints/')) await plain.put(key, await stored.get(key))
  }
  await using slow = await openBackup(plain, 'golden')
  assert.deepEqual(await readAll(slow), await expected())
})

test('an archive of format version 1 is valid', async () => {
  const report = await validateBackup(new FilesystemStore(folder), 'golden', { deep: true })
  assert.equal(report.errors, 0)
  assert.equal(report.orphans, 0)
  assert.ok(report.checkpoints > 0)
})

test('a backup of format version 1 can be continued', async () => {
  const copy = new MemoryStore()
  const stored = new FilesystemStore(folder)
  for await (const { key } of stored.list('golden/')) await copy.put(key, await stored.get(key))
  const name = { topic: 'orders', topicId: 'b3JkZXJzLXJlYm9ybi1pZA', partition: 0 }
  {
    await using writer = await openBackupWriter(
      copy,
      'golden',
      { sourceClusterId: 'kafka-cluster-id-1234' },
      writerContext(),
    )
    await writer.write(chunkOf(name, batchBytes(name, 1n, [3])))
    assert.equal((await writer.commit({ accounts: [accountOf(name, 1n, 4n)] })).commit, 13)
  }
  assert.equal((await validateBackup(copy, 'golden', { deep: true })).errors, 0)
})

test('the archive that is written today says the same, whatever it chooses to compress', async () => {
  const store = new MemoryStore()
  await writeGolden(store)
  await using reader = await openBackup(store, 'golden')
  const plain = (all: unknown) =>
    JSON.parse(JSON.stringify(all).replaceAll(/ \((none|zstd|lz4|gzip)\)"/g, '"'))
  assert.deepEqual(plain(await readAll(reader)), plain(await expected()))
})
