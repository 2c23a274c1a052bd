import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { pack, unpack } from '../../src/archive/packing.ts'

test('the work of a thread that dies is done nevertheless', async () => {
  const bytes = Buffer.alloc(3_000_000, 'orders and payments ')
  const started: Worker[] = []
  const kill = (worker: Worker) => {
    started.push(worker)
    worker.terminate()
  }
  process.on('worker', kill)
  try {
    const packs = await Promise.all(Array.from({ length: 40 }, () => pack('zstd', bytes, undefined)))
    assert.ok(started.length > 0)
    for (const { stored, digest } of packs) {
      assert.equal(digest, hash('sha256', stored))
      const target = Buffer.alloc(bytes.length)
      assert.equal(await unpack('zstd', stored, digest, target), true)
      assert.ok(target.equals(bytes))
    }
  } finally {
    process.off('worker', kill)
  }
})

test('where no thread may be started the work is done in place', () => {
  const program = new URL('../support/programs/pack-in-place.ts', import.meta.url).pathname
  const flags = ['--permission', '--allow-fs-read=*', '--allow-addons', '--no-warnings']
  const output = execFileSync(process.execPath, [...flags, program], { encoding: 'utf8' })
  assert.equal(output.trim(), 'true ERR_ACCESS_DENIED')
})
