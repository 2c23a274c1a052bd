import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../support/temp-folder.ts'

/** Fills the folder it is given and prints what became of each attempt, as JSON. */
const filler = `
import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/storage/index.ts'))}
const folder = process.argv[1]
const store = await openStore(folder)
const outcome = async (work) => {
  try { await work(); return 'ok' } catch (error) { return error.code + (error.retriable ? ' retriable' : '') }
}
const seen = async () => { const keys = []; for await (const info of store.list('')) keys.push(info.key); return keys.join() }
const big = Buffer.alloc(24 << 20, 7)
const report = {}
report.small = await outcome(() => store.put('small', Buffer.alloc(1000)))
report.put = await outcome(() => store.put('big', big))
report.conditional = await outcome(() => store.put('big', big, { ifAbsent: true }))
report.writer = await outcome(async () => {
  await using undo = new AsyncDisposableStack()
  const writer = await store.create('big')
  undo.defer(() => writer.abort())
  for (let at = 0; at < big.length; at += 1 << 20) await writer.write(big.subarray(at, at + (1 << 20)))
  await writer.close()
})
report.seen = await seen()
report.again = await outcome(() => store.put('after', Buffer.alloc(1000)))
report.end = await seen()
console.log(JSON.stringify(report))
`

/** A full disk of 16 MB in a mount namespace of its own, which goes with the process; needs no rights where the system allows user namespaces. */
function onSmallDisk(folder: string): ReturnType<typeof spawnSync> {
  const script = 'mount -t tmpfs -o size=16m,mode=777 none "$1" && exec "$2" --input-type=module -e "$3" "$1"'
  const space = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m']
  return spawnSync('unshare', [...space, 'sh', '-c', script, 'sh', folder, process.execPath, filler], {
    encoding: 'utf8',
  })
}

/** The same with a limit of 16 MB a file, which every system has. */
function withFileLimit(folder: string): ReturnType<typeof spawnSync> {
  const script = 'ulimit -f 32768; exec "$2" --input-type=module -e "$3" "$1"'
  return spawnSync('sh', ['-c', script, 'sh', folder, process.execPath, filler], { encoding: 'utf8' })
}

const expected = {
  small: 'ok',
  put: 'STORAGE_FULL',
  conditional: 'STORAGE_FULL',
  writer: 'STORAGE_FULL',
  seen: 'small',
  again: 'ok',
  end: 'after,small',
}

test('a full disk is STORAGE_FULL, nothing unfinished is seen, and the space is given back', async (t) => {
  await using folder = await tempFolder('full')
  const ran = onSmallDisk(folder.path)
  if (ran.status !== 0 && /unshare|mount/.test(String(ran.stderr))) {
    t.diagnostic(
      `no small disk can be mounted here: ${String(ran.stderr).trim()}; a file limit is used instead`,
    )
    assert.deepEqual(JSON.parse(String(withFileLimit(folder.path).stdout)), expected)
    return
  }
  assert.equal(ran.status, 0, String(ran.stderr))
  assert.deepEqual(JSON.parse(String(ran.stdout)), expected)
})

test('a file that grows beyond the limit of the system is STORAGE_FULL', async () => {
  await using folder = await tempFolder('limit')
  const ran = withFileLimit(folder.path)
  assert.equal(ran.status, 0, String(ran.stderr))
  assert.deepEqual(JSON.parse(String(ran.stdout)), expected)
})
