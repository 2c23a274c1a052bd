import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFile, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { openBackupWriter } from '../../src/archive/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { accountOf, batchBytes, chunkOf, writerContext } from '../support/archive-data.ts'
import { type Golden, golden } from '../support/golden-batches.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { tempFolder } from '../support/temp-folder.ts'

const orders = { topic: 'orders', topicId: undefined, partition: 0 }

/** Writes what a broker had in its log as one object of two chunks; answers the file. */
async function objectOf(folder: string, segment: Golden, codec: 'none' | 'zstd' | 'lz4' | 'gzip') {
  const store = new FilesystemStore(folder)
  await using writer = await openBackupWriter(
    store,
    'b',
    { sourceClusterId: 'c', codec, packBelow: 1 },
    writerContext(),
  )
  const cut = segment.batches[0]?.size ?? 0
  const chunks = [segment.bytes.subarray(0, cut), segment.bytes.subarray(cut)].map((bytes) =>
    chunkOf(orders, bytes),
  )
  for (const chunk of chunks) await writer.write(chunk)
  const [first, last] = [chunks[0]?.firstOffset ?? 0n, chunks[1]?.lastOffset ?? 0n]
  await writer.commit({ accounts: [accountOf(orders, first, last + 1n)] })
  for await (const { key } of store.list('b/topics/')) return join(folder, key)
  throw new Error('no object was made')
}

/** What Kafka's own tool says of a segment: one line for each batch and record. */
async function dump(file: string): Promise<readonly string[]> {
  const output = await kafkaTool('dumpLogSegments', ['--files', file, '--print-data-log'])
  return output.split('\n').filter((line) => /^(\||baseOffset)/.test(line))
}

for (const name of ['none', 'transactions', 'compacted']) {
  test(`an uncompressed object is a log segment for Kafka's own tool (${name})`, async () => {
    await using folder = await tempFolder('archive-dump')
    const segment = golden(name)
    const object = await objectOf(folder.path, segment, 'none')
    assert.ok((await readFile(object)).equals(segment.bytes))
    const lines = await dump(object)
    const records = segment.batches.reduce((sum, batch) => sum + batch.records.length, 0)
    assert.equal(lines.filter((line) => line.startsWith('baseOffset')).length, segment.batches.length)
    const control = segment.batches.filter((batch) => batch.control).length
    assert.ok(lines.filter((line) => line.startsWith('|')).length >= records - control)
    assert.ok(lines.every((line) => !line.includes('isvalid: false')))
  })
}

const tools = [
  { codec: 'zstd', tool: 'zstd', suffix: '.zst' },
  { codec: 'lz4', tool: 'lz4', suffix: '.lz4' },
  { codec: 'gzip', tool: 'gzip', suffix: '.gz' },
] as const

for (const { codec, tool, suffix } of tools) {
  const missing = spawnSync(tool, ['--version']).error !== undefined
  test(`${tool} unpacks an object into the log segment`, {
    skip: missing && `${tool} is not installed`,
  }, async () => {
    await using folder = await tempFolder('archive-unpack')
    const segment = golden('none')
    const object = await objectOf(folder.path, segment, codec)
    assert.ok(object.endsWith(`.log${suffix}`))
    const copy = join(folder.path, basename(object))
    await copyFile(object, copy)
    const unpacked = execFileSync(tool, ['-d', '-c', copy], { maxBuffer: 1 << 28 })
    assert.ok(unpacked.equals(segment.bytes))
  })
}

test('the tool understands what is written for offsets that are far from zero', async () => {
  await using folder = await tempFolder('archive-far')
  const store = new FilesystemStore(folder.path)
  const from = 9_007_199_254_740_993n
  {
    await using writer = await openBackupWriter(
      store,
      'b',
      { sourceClusterId: 'c', codec: 'none', packBelow: 1 },
      writerContext(),
    )
    await writer.write(chunkOf(orders, batchBytes(orders, from, [3])))
    await writer.commit({ accounts: [accountOf(orders, from, from + 3n)] })
  }
  for await (const { key } of store.list('b/topics/')) {
    const lines = await dump(join(folder.path, key))
    assert.match(lines[0] ?? '', new RegExp(`^baseOffset: ${from} lastOffset: ${from + 2n} count: 3`))
  }
})
