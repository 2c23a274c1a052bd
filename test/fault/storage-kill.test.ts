import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { hiddenFolder } from '../../src/storage/keys.ts'
import { startS3Server } from '../support/s3-server.ts'
import { objectBytes } from '../support/store-writer.ts'
import { tempFolder } from '../support/temp-folder.ts'

const writer = join(import.meta.dirname, '../support/store-writer.ts')

/** Lets a process write for a while, kills it, and answers the keys that it reported as written. */
async function writeAndKill(
  place: string,
  name: string,
  size: number,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [writer, place, name, String(size)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  let out = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    out += text
  })
  const gone = once(child, 'close')
  while (!out.includes('\n')) {
    assert.equal(child.exitCode, null, 'the writer ended by itself')
    await delay(5)
  }
  await delay(Math.random() * 300)
  child.kill('SIGKILL')
  await gone
  return out.slice(0, out.lastIndexOf('\n')).split('\n')
}

/** Every visible object is whole, and every object reported as written is there. */
async function checkObjects(store: ObjectStore, name: string, reported: readonly string[]): Promise<void> {
  const seen = new Set<string>()
  for await (const info of store.list(`${name}/`)) {
    const want = objectBytes(info.key)
    assert.equal(info.size, want.length, `${info.key} is listed with ${info.size} bytes`)
    assert.ok((await store.get(info.key)).equals(want), `${info.key} is not whole`)
    seen.add(info.key)
  }
  for (const key of reported) assert.ok(seen.has(key), `${key} was reported as written and is not there`)
}

test('a writer killed at any moment leaves only whole objects in a folder, and no leftovers for long', async () => {
  await using folder = await tempFolder('kill')
  let left = 0
  for (let round = 0; round < 20; round++) {
    const reported = await writeAndKill(folder.path, `r${round}`, 3_000_000)
    left += (await readdir(join(folder.path, hiddenFolder)).catch(() => [])).length
    await using store = await openStore(folder.path)
    await checkObjects(store, `r${round}`, reported)
    const keys: string[] = []
    for await (const info of store.list('')) keys.push(info.key)
    await store.delete(keys)
  }
  assert.ok(left > 0, 'no kill hit a writer half-way')
  {
    await using store = await openStore(folder.path)
    await store.put('after', Buffer.from('x'))
    await store.delete(['after'])
  }
  // A folder made for an object that never came may stay; no file may.
  const rest = await readdir(folder.path, { recursive: true, withFileTypes: true })
  assert.deepEqual(
    rest.filter((entry) => !entry.isDirectory() || entry.name === hiddenFolder).map((entry) => entry.name),
    [],
  )
})

test('a writer killed at any moment leaves only whole objects in a bucket', async () => {
  await using server = await startS3Server()
  await server.bucket('archive')
  for (let round = 0; round < 10; round++) {
    const name = `r${round}`
    const reported = await writeAndKill(server.url('archive'), name, 20_000_000, server.env)
    await using store = await openStore(server.spec('archive'))
    await checkObjects(store, name, reported)
  }
})

test('a store whose server is killed and comes back takes up where it was', async () => {
  await using server = await startS3Server()
  await server.bucket('archive')
  await using store = await openStore(server.spec('archive'))
  const object = await store.create('object/0-30000000')
  const bytes = objectBytes('object/0-30000000')
  await object.write(bytes.subarray(0, 12_000_000))
  await server.kill()
  const back = delay(700).then(() => server.start())
  await object.write(bytes.subarray(12_000_000))
  await object.close()
  await back
  await checkObjects(store, 'object', ['object/0-30000000'])
})
