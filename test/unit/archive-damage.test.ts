import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { writeCheckpoint } from '../../src/archive/checkpoint-writer.ts'
import {
  type Finding,
  listBackups,
  openBackup,
  openBackupWriter,
  validateBackup,
} from '../../src/archive/index.ts'
import { loadBackup } from '../../src/archive/load.ts'
import { BackupPlace } from '../../src/archive/place.ts'
import { sealJson } from '../../src/archive/sealed-json.ts'
import { thisWriter } from '../../src/archive/writer-entry.ts'
import { isTidemarkError, noTelemetry } from '../../src/base/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { accountOf, batchBytes, chunkOf, describedTopic, writerContext } from '../support/archive-data.ts'

const orders = { topic: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0 }
const events = { topic: 'events', topicId: undefined, partition: 3 }

/** A backup with everything in it: objects of each kind, packs, captures, checkpoints, a restore's state. */
async function sample(id = 'b'): Promise<MemoryStore> {
  const store = new MemoryStore()
  await addTo(store, id, 3, { codec: 'none', packBelow: 1 })
  await addCheckpoint(store, id)
  await addTo(store, id, 1, { codec: 'zstd', packBelow: 1 })
  await addTo(store, id, 1, { codec: 'gzip', packBelow: 1 })
  await addTo(store, id, 1, { codec: 'lz4', packBelow: 1 })
  await addCheckpoint(store, id)
  await addTo(store, id, 2, {})
  const state = Buffer.from('TMRS some state of a restore')
  await store.put(`${id}/restores/r1/state/1.state`, [state, Buffer.from(hash('sha256', state), 'hex')])
  return store
}

async function addTo(store: MemoryStore, id: string, commits: number, options: object): Promise<void> {
  await using writer = await openBackupWriter(
    store,
    id,
    { sourceClusterId: 'c', ...options },
    writerContext(),
  )
  const begin = (name: typeof events | typeof orders) =>
    writer.states.find((state) => state.topic === name.topic)?.next ?? 0n
  let [a, b] = [begin(orders), begin(events)]
  for (let i = 0; i < commits; i++) {
    for (const part of [0n, 2n]) await writer.write(chunkOf(orders, batchBytes(orders, a + part, [2])))
    await writer.write(chunkOf(events, batchBytes(events, b, [1])))
    await writer.commit({
      accounts: [accountOf(orders, a, a + 4n), accountOf(events, b, b + 1n)],
      topics: i === 0 ? [describedTopic('orders', orders.topicId)] : [],
      ...(i % 40 === 0 && { positions: { taken: i, groups: [], failed: [{ group: `g${a}`, error: 'x' }] } }),
    })
    a += 4n
    b += 1n
  }
}

/** Makes a checkpoint now; a writer would wait until there is more to fold. */
async function addCheckpoint(store: MemoryStore, id: string): Promise<void> {
  const place = new BackupPlace(store, id)
  await writeCheckpoint(place, await loadBackup(place), thisWriter('checkpointing', 1), 1)
}

async function copyOf(store: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  for await (const { key } of store.list('')) await copy.put(key, await store.get(key))
  return copy
}

async function keysOf(store: MemoryStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys
}

async function errorsIn(store: MemoryStore, deep = true): Promise<Finding[]> {
  const found: Finding[] = []
  const report = await validateBackup(store, 'b', { deep, onFinding: (finding) => found.push(finding) })
  const errors = found.filter((finding) => finding.severity === 'error')
  assert.equal(report.errors, errors.length)
  return errors
}

test('one flipped bit anywhere in an archive is found, and the object that holds it is named', async () => {
  const store = await sample()
  assert.deepEqual(await errorsIn(store), [])
  const keys = await keysOf(store)
  const kinds = new Set(keys.map((key) => key.split('/')[1]))
  for (const kind of [
    'backup.json',
    'commits',
    'topics',
    'packs',
    'positions',
    'checkpoints',
    'writers',
    'restores',
  ]) {
    assert.ok(kinds.has(kind), kind)
  }
  let tried = 0
  for (const key of keys) {
    const good = await store.get(key)
    const step = Math.max(1, Math.floor(good.length / 20))
    for (let at = tried % step; at < good.length; at += step) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ (1 << (tried % 8))
      await store.put(key, bad)
      const errors = await errorsIn(store)
      assert.ok(
        errors.some((error) => error.object === key.slice(2)),
        `byte ${at} of ${key}: ${JSON.stringify(errors.map((e) => e.message))}`,
      )
      tried++
    }
    await store.put(key, good)
  }
  assert.ok(tried > 500)
  assert.deepEqual(await errorsIn(store), [])
})

test('a flipped bit in data is named with topic, partition and offsets, and refused by reading', async () => {
  const store = new MemoryStore()
  await addTo(store, 'b', 1, { packBelow: 1, codec: 'none' })
  const key = (await keysOf(store)).find((name) => name.includes('/topics/orders/')) ?? ''
  const bytes = await store.get(key)
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 4
  await store.put(key, bytes)
  const [finding, ...others] = await errorsIn(store)
  assert.deepEqual(others, [])
  assert.equal(finding?.kind, 'changed')
  assert.deepEqual(
    [finding.topic, finding.partition, finding.firstOffset, finding.lastOffset],
    ['orders', 0, 2n, 3n],
  )
  assert.deepEqual(await errorsIn(store, false), [])
  await using reader = await openBackup(store, 'b')
  const chunks = [...((await reader.topic('orders')).partitions.get(0)?.chunks ?? [])]
  assert.ok(chunks[0] && chunks[1])
  await reader.read(chunks[0].chunk)
  await assert.rejects(reader.read(chunks[1].chunk), (error) => {
    assert.ok(isTidemarkError(error, 'ARCHIVE_DAMAGED'))
    assert.match(error.message, /orders\/0, offsets 2 to 3/)
    assert.equal(error.details.object, key.slice(2))
    return true
  })
})

test('a missing, cut or lengthened object is found without reading the data', async () => {
  const store = await sample()
  for (const key of await keysOf(store)) {
    const good = await store.get(key)
    const checks: [string, () => Promise<unknown>][] = [
      ['missing', () => store.delete([key])],
      ['cut', () => store.put(key, good.subarray(0, good.length - 1))],
      ['empty', () => store.put(key, Buffer.alloc(0))],
      ['lengthened', () => store.put(key, Buffer.concat([good, Buffer.from(' ')]))],
    ]
    for (const [what, change] of checks) {
      // That a run says nothing of itself any more, or that a restore has tidied up, is no damage.
      if (key.includes('/restores/') || (key.includes('/writers/') && what === 'missing')) continue
      if (key.includes('/checkpoints/') && key.endsWith('root.json') && what === 'missing') continue
      await change()
      const errors = await errorsIn(store, false)
      assert.ok(
        errors.some((error) => error.object === key.slice(2)),
        `${what} ${key}: ${JSON.stringify(errors.map((error) => error.message))}`,
      )
      await store.put(key, good)
    }
  }
})

test('exchanged objects are found', async () => {
  const store = await sample()
  const keys = await keysOf(store)
  for (const kind of [
    '/commits/',
    '/topics/orders/0/',
    '/positions/',
    '/checkpoints/',
    '/writers/',
    '/packs/',
  ]) {
    const [a, b] = keys.filter((key) => key.includes(kind))
    if (a === undefined || b === undefined) continue
    const [first, second] = [await store.get(a), await store.get(b)]
    await store.put(a, second)
    await store.put(b, first)
    const named = new Set((await errorsIn(store)).map((error) => `b/${error.object}`))
    // An index has no other witness than the root that was exchanged for it.
    assert.ok(named.has(a) || kind === '/checkpoints/', `${a}: ${[...named].join(', ')}`)
    assert.ok(named.has(b), `${b}: ${[...named].join(', ')}`)
    await store.put(a, first)
    await store.put(b, second)
  }
})

test('a commit of another line of the same backup breaks the chain', async () => {
  const [one, other] = [await sample(), await sample()]
  const key = `b/commits/${'7'.padStart(20, '0')}.json`
  await one.put(key, await other.get(key))
  const errors = await errorsIn(one)
  assert.ok(errors.some((error) => error.kind === 'commit' && error.message.includes('does not follow')))
  await one.put('b/backup.json', await other.get('b/backup.json'))
  assert.ok((await errorsIn(one)).some((error) => error.object === `commits/${'1'.padStart(20, '0')}.json`))
})

test('a newest commit that has disappeared is known from what the last run has said', async () => {
  const store = await sample()
  const last = (await keysOf(store)).findLast((key) => key.includes('/commits/')) ?? ''
  await store.delete([last])
  const errors = await errorsIn(store, false)
  assert.deepEqual(
    errors.map((error) => [error.kind, error.object]),
    [['missing', last.slice(2)]],
  )
})

test('objects that no commit names are told of, and are no errors', async () => {
  const store = await sample()
  const run = '20260101T000000Z-0123456789ab'
  await store.put(`b/topics/orders/0/00000000000000000009.${run}-000001.log`, Buffer.from('left behind'))
  await store.put(`b/positions/${run}-000002.json.zst`, Buffer.from('left behind'))
  await store.put('b/notes.txt', Buffer.from('somebody was here'))
  const found: Finding[] = []
  const report = await validateBackup(store, 'b', { onFinding: (finding) => found.push(finding) })
  assert.equal(report.errors, 0)
  assert.equal(report.orphans, 3)
  assert.deepEqual(
    found.map(({ severity, kind, object }) => [severity, kind, object.split('/')[0]]),
    [
      ['info', 'unknown', 'notes.txt'],
      ['info', 'orphan', 'positions'],
      ['info', 'orphan', 'topics'],
    ],
  )
})

test('what a newer program wrote is refused as such, and what is damaged is not taken for new', async () => {
  const store = await sample()
  const good = await store.get('b/backup.json')
  const { sha256: _, ...body } = JSON.parse(good.toString())
  await store.put('b/backup.json', sealJson({ ...body, format: 2 }).bytes)
  await assert.rejects(openBackup(store, 'b'), (error) => {
    assert.ok(isTidemarkError(error, 'ARCHIVE_TOO_NEW'))
    assert.match(error.message, /backup\.json has format 2/)
    return true
  })
  await assert.rejects(validateBackup(store, 'b'), (error) => isTidemarkError(error, 'ARCHIVE_TOO_NEW'))
  await store.put('b/backup.json', Buffer.from(good.toString().replace('"format":1', '"format":3')))
  await assert.rejects(openBackup(store, 'b'), (error) => isTidemarkError(error, 'ARCHIVE_DAMAGED'))
  await store.put('b/backup.json', Buffer.from('{}'))
  await assert.rejects(openBackup(store, 'b'), (error) => isTidemarkError(error, 'ARCHIVE_DAMAGED'))
})

test('a backup that has lost its identity is damaged, not absent, and is not begun anew', async () => {
  const store = await sample()
  await store.delete(['b/backup.json'])
  const missing = (error: unknown) => {
    assert.ok(isTidemarkError(error, 'ARCHIVE_DAMAGED'), String(error))
    assert.match(error.message, /backup\.json is missing/)
    return true
  }
  await assert.rejects(openBackup(store, 'b'), missing)
  await assert.rejects(openBackupWriter(store, 'b', { sourceClusterId: 'c' }, writerContext()), missing)
  assert.equal(await store.head('b/backup.json'), undefined, 'nothing was made')
  const [listed] = await listBackups(store)
  assert.deepEqual([listed?.backupId, listed?.error?.code], ['b', 'ARCHIVE_DAMAGED'])
})

test('that the newest commits were lost is said by whoever opens the backup, and a run goes on from what is left', async () => {
  const store = await sample()
  const newest = (await openBackup(store, 'b')).commit
  await store.delete([`b/commits/${String(newest).padStart(20, '0')}.json`])
  const said: string[] = []
  const telemetry = { ...noTelemetry, log: (_: unknown, message: string) => said.push(message) }
  const reader = await openBackup(store, 'b', { telemetry })
  assert.equal(reader.commit, newest - 1)
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /newest commits are missing.*the backup ends with commit/)
  await addTo(store, 'b', 1, {})
  assert.equal((await openBackup(store, 'b')).commit, newest)
})

test('rubbish with a valid checksum is refused with the name of the object and of the member', async () => {
  const store = await sample()
  const key = `b/commits/${'8'.padStart(20, '0')}.json`
  const { sha256: _, ...commit } = JSON.parse((await store.get(key)).toString())
  const [entry] = commit.partitions
  const changes: object[] = [
    { commit: 7 },
    { partitions: 7 },
    { partitions: [{ ...entry, topic: '' }] },
    { partitions: [{ ...entry, to: -1 }] },
    { partitions: [{ ...entry, from: 1.5 }] },
    { partitions: [{ ...entry, from: '99999999999999999999' }] },
    { partitions: [{ ...entry, chunks: [{ ...entry.chunks[0], object: 9 }] }] },
    { partitions: [{ ...entry, chunks: [{ ...entry.chunks[0], position: 1e15 }] }] },
    { partitions: [{ ...entry, chunks: [{ ...entry.chunks[0], codec: 'brotli' }] }] },
    { partitions: [{ ...entry, chunks: [{ ...entry.chunks[0], sha256: 'x' }] }] },
    { partitions: [{ ...entry, aborted: [1, 2, 3] }] },
    { objects: [{ key: '../../../etc/passwd', size: 1 }] },
    { objects: [{ key: 'topics/../x/0/00000000000000000000.a-000001.log', size: 1 }] },
    { writer: { ...commit.writer, run_id: '../x' } },
    { positions: { object: 'backup.json', size: 1, sha256: 'a'.repeat(64), taken: 1, groups: 1, failed: 0 } },
  ]
  for (const change of changes) {
    await store.put(key, sealJson({ ...commit, ...change }).bytes)
    await assert.rejects(openBackup(store, 'b'), (error) => {
      assert.ok(isTidemarkError(error, 'ARCHIVE_DAMAGED'), `${JSON.stringify(change)}: ${error}`)
      assert.equal(error.details.object, key.slice(2))
      return true
    })
  }
})

test('a backup that is not there is answered with those that may have been meant', async () => {
  const store = new MemoryStore()
  await assert.rejects(openBackup(store, 'nightly'), (error) => {
    assert.ok(isTidemarkError(error, 'BACKUP_NOT_FOUND'))
    assert.match(error.hint ?? '', /no backup at all/)
    return true
  })
  for (const id of ['nightly-eu', 'nightly', 'weekly', 'night.ly0']) await addTo(store, id, 1, {})
  await store.put('a-file', Buffer.from('x'))
  await store.put('other/manifest.json', Buffer.from('{}'))
  await store.put('nightly0', Buffer.from('x'))
  await store.put('broken/backup.json', Buffer.from('x'))
  const listed = await listBackups(store)
  assert.deepEqual(
    listed.map(({ backupId, identity, error }) => [backupId, identity?.sourceClusterId, error?.code]),
    [
      ['broken', undefined, 'ARCHIVE_DAMAGED'],
      ['night.ly0', 'c', undefined],
      ['nightly-eu', 'c', undefined],
      ['nightly', 'c', undefined],
      ['weekly', 'c', undefined],
    ],
  )
  await assert.rejects(openBackup(store, 'nightyl'), (error) => {
    assert.ok(isTidemarkError(error, 'BACKUP_NOT_FOUND'))
    assert.match(error.hint ?? '', /Did you mean nightly/)
    return true
  })
  await assert.rejects(validateBackup(store, 'nothing'), (error) =>
    isTidemarkError(error, 'BACKUP_NOT_FOUND'),
  )
  await using reader = await openBackup(store, 'weekly')
  await assert.rejects(reader.topic('order'), (error) => {
    assert.ok(isTidemarkError(error, 'TOPIC_NOT_FOUND'))
    assert.match(error.hint ?? '', /Did you mean orders/)
    return true
  })
})

test('a copy of a backup under another name is not taken for it', async () => {
  const store = await copyOf(await sample())
  for (const key of await keysOf(store)) await store.put(key.replace(/^b\//, 'c/'), await store.get(key))
  await assert.rejects(openBackup(store, 'c'), (error) => {
    assert.ok(isTidemarkError(error, 'ARCHIVE_DAMAGED'))
    assert.match(error.message, /belongs to the backup "b"/)
    return true
  })
})
