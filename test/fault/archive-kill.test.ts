import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openBackup, validateBackup } from '../../src/archive/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { batchBytes } from '../support/archive-data.ts'
import { tempFolder } from '../support/temp-folder.ts'

const program = new URL('../support/archive-writer-program.ts', import.meta.url).pathname
const end = 2400

function start(folder: string): ChildProcess {
  return spawn(process.execPath, [program, folder, String(end)], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function ended(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly errors: string }> {
  let errors = ''
  child.stderr?.on('data', (data) => {
    errors += String(data)
  })
  const [code] = await once(child, 'close')
  return { code, errors }
}

test('a run that is killed at any moment leaves a sound backup, and running it again completes it', async () => {
  await using folder = await tempFolder('archive-kill')
  await using store = new FilesystemStore(folder.path)
  let killed = 0
  for (let round = 0; round < 60; round++) {
    const child = start(folder.path)
    const end = ended(child)
    assert.ok(child.stdout)
    // Some are killed while they open the backup, most while they write.
    if (round % 4 !== 0) await Promise.race([once(child.stdout, 'data'), end])
    await delay(Math.random() * (round % 4 === 0 ? 400 : 120))
    if (child.exitCode === null && child.kill('SIGKILL')) killed++
    const { errors } = await end
    assert.doesNotMatch(errors, /TidemarkError/, 'what a killed run leaves is in the way of the next')
    if ((await store.head('killed/backup.json')) === undefined) continue
    const report = await validateBackup(store, 'killed', { deep: round % 10 === 9 })
    assert.equal(report.errors, 0)
  }
  assert.ok(killed > 20, `${killed} of 60 runs were killed`)
  const last = await ended(start(folder.path))
  assert.equal(last.code, 0, last.errors)
  const report = await validateBackup(store, 'killed', { deep: true })
  assert.equal(report.errors, 0)
  assert.equal(report.records, 6 * end)
  assert.ok(report.checkpoints > 0)
  await using reader = await openBackup(store, 'killed')
  const { partitions } = await reader.topic('orders')
  for (let partition = 0; partition < 6; partition++) {
    const index = partitions.get(partition)
    assert.ok(index)
    assert.deepEqual(index.covered, [{ from: 0n, to: BigInt(end) }])
    let at = 0n
    for (const { chunk, from, to } of index.chunks) {
      assert.deepEqual([from, to], [at, at + 20n])
      const valueBytes = partition === 0 ? 2000 : 100
      const wanted = batchBytes({ topic: 'orders', partition }, at, [15, 5], { valueBytes })
      assert.ok((await reader.read(chunk)).equals(wanted))
      at = to
    }
    assert.equal(at, BigInt(end))
  }
})

test('of two processes that write the same backup at once one completes and the other stops with a clear error', async () => {
  await using folder = await tempFolder('archive-two')
  const both = await Promise.all([ended(start(folder.path)), ended(start(folder.path))])
  const codes = both.map(({ code }) => code)
  assert.ok(codes.includes(0), both.map(({ errors }) => errors).join('\n'))
  const loser = both.find(({ code }) => code !== 0)
  if (loser) assert.match(loser.errors, /BACKUP_IN_USE/)
  await using store = new FilesystemStore(folder.path)
  assert.equal((await validateBackup(store, 'killed', { deep: true })).errors, 0)
})
