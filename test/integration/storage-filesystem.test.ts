import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, link, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { hiddenFolder } from '../../src/storage/keys.ts'
import type { ObjectStore } from '../../src/storage/store.ts'
import { tempFolder } from '../support/temp-folder.ts'

async function keys(store: ObjectStore, prefix = ''): Promise<readonly string[]> {
  const found: string[] = []
  for await (const info of store.list(prefix)) found.push(info.key)
  return found
}

test('an object is a plain file of that name, and nothing else is left', async () => {
  await using folder = await tempFolder('fs')
  {
    await using store = new FilesystemStore(join(folder.path, 'not', 'there', 'yet'))
    await store.put('orders/0/x.log', Buffer.from('bytes'))
    await store.put('commit', Buffer.from('{}'), { ifAbsent: true })
    const writer = await store.create('orders/1/y.log')
    await writer.write(Buffer.from('more'))
    await writer.close()
    await (await store.create('never')).abort()
  }
  const root = join(folder.path, 'not', 'there', 'yet')
  assert.equal(await readFile(join(root, 'orders/0/x.log'), 'utf8'), 'bytes')
  assert.deepEqual((await readdir(root, { recursive: true })).sort(), [
    'commit',
    'orders',
    'orders/0',
    'orders/0/x.log',
    'orders/1',
    'orders/1/y.log',
  ])
})

test('looking into a folder that does not exist makes nothing', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(join(folder.path, 'absent'))
  assert.deepEqual(await keys(store), [])
  assert.equal(await store.head('a'), undefined)
  await store.delete(['a/b'])
  await assert.rejects(store.get('a'), { code: 'STORAGE_NOT_FOUND' })
  assert.deepEqual(await readdir(folder.path), [])
})

test('deleting the last object of a folder removes the folder, and the root stays', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  await store.put('a/b/c/x', Buffer.from('x'))
  await store.put('a/y', Buffer.from('y'))
  await store.delete(['a/b/c/x'])
  assert.deepEqual(await readdir(join(folder.path, 'a')), ['y'])
  await store.delete(['a/y'])
  assert.deepEqual(await readdir(folder.path), [hiddenFolder])
  await store.put('a/b/c/x', Buffer.from('again'))
  assert.equal((await store.get('a/b/c/x')).toString(), 'again')
})

test('writers and a pruner in the same folders do not harm each other', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  await using other = new FilesystemStore(folder.path)
  for (let round = 0; round < 40; round++) {
    await Promise.all([
      ...Array.from({ length: 4 }, (_, i) =>
        store.put(`deep/er/${i % 2}/${round}-${i}`, Buffer.from('x'), { ifAbsent: true }),
      ),
      ...Array.from({ length: 4 }, (_, i) => other.delete([`deep/er/${i % 2}/${round - 1}-${i}`])),
    ])
  }
  assert.deepEqual(await keys(store), [
    'deep/er/0/39-0',
    'deep/er/0/39-2',
    'deep/er/1/39-1',
    'deep/er/1/39-3',
  ])
})

test('links, pipes, sockets of others and names that are no text are no objects', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  await store.put('real/file', Buffer.from('x'))
  await symlink('real/file', join(folder.path, 'link-to-file'))
  await symlink('real', join(folder.path, 'link-to-folder'))
  await symlink('nowhere', join(folder.path, 'link-to-nothing'))
  execFileSync('mkfifo', [join(folder.path, 'pipe')])
  await writeFile(Buffer.concat([Buffer.from(`${folder.path}/bad-`), Buffer.from([0xff, 0xfe])]), 'x')
  await writeFile(join(folder.path, 'new\nline'), 'x')
  await mkdir(join(folder.path, 'lost+found'))
  assert.deepEqual(await keys(store), ['real/file'])
  for (const name of ['link-to-file', 'link-to-nothing', 'pipe', 'real']) {
    assert.equal(await store.head(name), undefined, name)
    await assert.rejects(store.get(name), { code: 'STORAGE_NOT_FOUND' }, name)
    await assert.rejects(store.read(name, 0, Buffer.alloc(1)), { code: 'STORAGE_NOT_FOUND' }, name)
  }
  await store.delete(['real'])
  assert.deepEqual(await keys(store), ['real/file'])
  await assert.rejects(store.get('real/file/below'), { code: 'STORAGE_NOT_FOUND' })
})

test('a name that is a folder of others, or below an object, is refused', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  await store.put('a/b', Buffer.from('x'))
  await assert.rejects(store.put('a', Buffer.from('x')), { code: 'STORAGE_KEY_INVALID' })
  await assert.rejects(store.put('a/b/c', Buffer.from('x')), { code: 'STORAGE_KEY_INVALID' })
  const writer = await store.create('a')
  await writer.write(Buffer.from('x'))
  await assert.rejects(writer.close(), { code: 'STORAGE_KEY_INVALID' })
  await writer.abort()
  assert.deepEqual(await readdir(join(folder.path, hiddenFolder)), [])
  assert.equal((await store.get('a/b')).toString(), 'x')
})

test('what a dead process left is swept, what a living or unknown one writes is not', async () => {
  await using folder = await tempFolder('fs')
  const hidden = join(folder.path, hiddenFolder)
  await using store = new FilesystemStore(folder.path)
  const living = await store.create('living')
  await living.write(Buffer.from('x'))
  const [mine = ''] = await readdir(hidden)
  const dead = spawnSync('true').pid
  const space = mine.split('.')[0] ?? ''
  await writeFile(join(hidden, `${space}.${dead}.dead`), 'x')
  await writeFile(join(hidden, `elsewhere-1.${dead}.fresh`), 'x')
  await writeFile(join(hidden, `elsewhere-1.${dead}.old`), 'x')
  const yesterday = new Date(Date.now() - 25 * 3600_000)
  await utimes(join(hidden, `elsewhere-1.${dead}.old`), yesterday, yesterday)
  await using next = new FilesystemStore(folder.path)
  await next.put('object', Buffer.from('x'))
  assert.deepEqual((await readdir(hidden)).sort(), [mine, `elsewhere-1.${dead}.fresh`].sort())
  assert.deepEqual(await keys(next), ['object'])
  await living.close()
  assert.deepEqual(await keys(next), ['living', 'object'])
})

test('the folder of unfinished files cannot be reached by a name', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  for (const key of [hiddenFolder, `${hiddenFolder}/x`, `a/${hiddenFolder}/x`]) {
    await assert.rejects(store.put(key, Buffer.from('x')), { code: 'STORAGE_KEY_INVALID' })
    await assert.rejects(store.get(key), { code: 'STORAGE_KEY_INVALID' })
  }
  // A store whose root lies inside that of another.
  await using inner = new FilesystemStore(join(folder.path, 'inner'))
  const writer = await inner.create('x')
  await writer.write(Buffer.from('x'))
  assert.deepEqual(await keys(store), [])
  await writer.close()
  assert.deepEqual(await keys(store), ['inner/x'])
})

test('a folder without permission is STORAGE_DENIED, and the error names folder and object', async () => {
  await using folder = await tempFolder('fs')
  await mkdir(join(folder.path, 'closed'))
  await writeFile(join(folder.path, 'closed', 'object'), 'x')
  await chmod(folder.path, 0o755)
  await chmod(join(folder.path, 'closed'), 0o000)
  const script = `
    import { FilesystemStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/storage/filesystem.ts'))}
    process.umask(0o022)
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
    const store = new FilesystemStore(${JSON.stringify(join(folder.path, 'closed'))})
    const list = async () => { for await (const _ of store.list('')); }
    const attempts = { put: () => store.put('a', Buffer.alloc(1)), get: () => store.get('object'), head: () => store.head('object'), list,
      create: () => store.create('a'), delete: () => store.delete(['object']) }
    for (const [name, attempt] of Object.entries(attempts)) {
      await attempt().then(() => console.log(name, 'ok'), (e) => console.log(name, e.code, e.retriable, e.message.includes('closed')))
    }`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  await chmod(join(folder.path, 'closed'), 0o755)
  assert.deepEqual(
    stdout.trim().split('\n'),
    ['put', 'get', 'head', 'list', 'create', 'delete'].map((name) => `${name} STORAGE_DENIED false true`),
    stderr,
  )
})

test('an object with several names is overwritten without touching the other name', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  await store.put('a', Buffer.from('old'))
  await link(join(folder.path, 'a'), join(folder.path, 'b'))
  await store.put('a', Buffer.from('new'))
  assert.equal((await store.get('b')).toString(), 'old')
})

test('thousands of pieces are written in one call', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(folder.path)
  const pieces = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i},`))
  await store.put('a', pieces)
  assert.ok((await store.get('a')).equals(Buffer.concat(pieces)))
  const writer = await store.create('b')
  await writer.write(pieces)
  await writer.close()
  assert.ok((await store.get('b')).equals(Buffer.concat(pieces)))
})

test('a place that is no folder, or where none can be made, is an error at once', async () => {
  await using folder = await tempFolder('fs')
  await writeFile(join(folder.path, 'file'), 'x')
  for (const path of [join(folder.path, 'file'), join(folder.path, 'file', 'below')]) {
    await using store = new FilesystemStore(path)
    await assert.rejects(store.put('a', Buffer.from('x')), { code: 'CONFIG_INVALID' }, path)
    await assert.rejects(store.create('a'), { code: 'CONFIG_INVALID' }, path)
  }
  await using file = new FilesystemStore(join(folder.path, 'file'))
  await assert.rejects(keys(file), { code: 'CONFIG_INVALID' })
  for (const path of ['/proc/nowhere', '/proc/nowhere/below', '/dev/null', '/sys/nowhere']) {
    await using store = new FilesystemStore(path)
    const error = await store.put('a/b', Buffer.from('x')).then(
      () => assert.fail(path),
      (thrown: { code?: string }) => thrown,
    )
    assert.match(String(error.code), /^(STORAGE_DENIED|CONFIG_INVALID)$/, path)
  }
})

test('a root that is removed under the store is made again', async () => {
  await using folder = await tempFolder('fs')
  await using store = new FilesystemStore(join(folder.path, 'a', 'root'))
  await store.put('x/y', Buffer.from('1'))
  await rm(join(folder.path, 'a'), { recursive: true })
  await store.put('x/y', Buffer.from('2'), { ifAbsent: true })
  assert.deepEqual(await keys(store), ['x/y'])
})
