import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import { distinctBytes } from '../../src/storage/checks/check.ts'
import { checkStore, type ObjectStore, openStore, stackStore } from '../../src/storage/index.ts'
import { S3Store } from '../../src/storage/s3.ts'
import { type FaultFront, type FrontRule, startFaultFront } from '../support/fault-front.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

let server: S3Server
let front: FaultFront
/** As the program uses it: all wrappers, through the front. */
let store: ObjectStore
/** Past the front, for looking. */
let direct: ObjectStore

const bytes = distinctBytes(26_000_000)

before(async () => {
  server = await startS3Server()
  await server.bucket('archive')
  front = await startFaultFront(server.port)
  const driver = await S3Store.open({
    ...server.spec('archive', { endpoint: front.endpoint }),
    idleTimeout: 1000,
  })
  store = stackStore(driver, { retries: { attempts: 8, delay: 20, maxDelay: 100 } })
  direct = await openStore(server.spec('archive'))
})

after(async () => {
  await store?.[Symbol.asyncDispose]()
  await direct?.[Symbol.asyncDispose]()
  await front?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  front.rules([])
  const keys: string[] = []
  for await (const info of direct.list('')) keys.push(info.key)
  await direct.delete(keys)
})

async function write(key: string): Promise<void> {
  const writer = await store.create(key)
  for (let at = 0; at < bytes.length; at += 1_000_000) await writer.write(bytes.subarray(at, at + 1_000_000))
  await writer.close()
}

/** Parts of uploads that were neither completed nor dropped. */
async function openUploads(): Promise<number> {
  const { S3Client, ListMultipartUploadsCommand } = await import('@aws-sdk/client-s3')
  const { endpoint, accessKeyId = '', secretAccessKey = '', region = '' } = server.spec('archive')
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: endpoint ?? '', region, credentials, forcePathStyle: true })
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'archive' }))
  client.destroy()
  return Uploads.length
}

const busy = { kind: 'status', status: 503, code: 'SlowDown' } as const
const partPath = /partNumber=/
const beginPath = /\?uploads/
const completePath = /\?uploadId=/

const puts: Readonly<Record<string, readonly FrontRule[]>> = {
  'is refused with 503 three times': [{ method: 'PUT', times: 3, effect: busy }],
  'is answered with 500': [{ method: 'PUT', effect: { kind: 'status', status: 500, code: 'InternalError' } }],
  'is cut at its beginning': [{ method: 'PUT', effect: { kind: 'cut-request', after: 0 } }],
  'is cut half-way': [{ method: 'PUT', times: 2, effect: { kind: 'cut-request', after: 3_000_000 } }],
  'is done and the answer is lost': [{ method: 'PUT', times: 2, effect: { kind: 'lose-answer' } }],
  'is never answered': [{ method: 'PUT', effect: { kind: 'stall' } }],
  'is damaged on the way': [{ method: 'PUT', times: 2, effect: { kind: 'damage', at: 4_000_000 } }],
}

for (const [what, rules] of Object.entries(puts)) {
  test(`a put that ${what} ends with the right object`, async () => {
    front.rules(rules)
    const part = bytes.subarray(0, 6_000_000)
    assert.equal(await store.put('object', [part.subarray(0, 10), part.subarray(10)]), true)
    assert.ok(front.hits > 0)
    assert.ok((await direct.get('object')).equals(part))
  })

  test(`a conditional put that ${what} is won, and then lost by the next`, async () => {
    front.rules(rules)
    const part = bytes.subarray(0, 6_000_000)
    assert.equal(await store.put('commit', part, { ifAbsent: true }), true)
    assert.ok(front.hits > 0)
    front.rules(rules.map((rule) => ({ ...rule, method: 'HEAD', effect: busy })))
    assert.equal(await store.put('commit', Buffer.from('another'), { ifAbsent: true }), false)
    assert.ok((await direct.get('commit')).equals(part))
  })

  test(`a conditional put that ${what} is lost when another was there first`, async () => {
    await direct.put('commit', Buffer.from('the first'))
    front.rules(rules)
    assert.equal(await store.put('commit', Buffer.from('the second'), { ifAbsent: true }), false)
    assert.equal((await direct.get('commit')).toString(), 'the first')
  })
}

const multiparts: Readonly<Record<string, readonly FrontRule[]>> = {
  'whose beginning is refused': [{ method: 'POST', path: beginPath, times: 3, effect: busy }],
  'whose beginning is done and the answer lost': [
    { method: 'POST', path: beginPath, effect: { kind: 'lose-answer' } },
  ],
  'whose parts meet a burst of 503': [{ path: partPath, from: 2, times: 6, effect: busy }],
  'whose parts are cut half-way': [
    { path: partPath, times: 4, effect: { kind: 'cut-request', after: 5_000_000 } },
  ],
  'whose parts are taken and the answers lost': [
    { path: partPath, times: 3, effect: { kind: 'lose-answer' } },
  ],
  'with a part that is never answered': [{ path: partPath, from: 3, effect: { kind: 'stall' } }],
  'whose parts are damaged on the way': [
    { path: partPath, times: 3, effect: { kind: 'damage', at: 1_000_000 } },
  ],
  'whose completion is refused': [{ method: 'POST', path: completePath, times: 2, effect: busy }],
  'whose completion is done and the answer lost': [
    { method: 'POST', path: completePath, times: 1, effect: { kind: 'lose-answer' } },
  ],
  'where everything goes wrong once': [
    { method: 'POST', path: beginPath, effect: busy },
    { path: partPath, effect: { kind: 'cut-request', after: 100 } },
    { path: partPath, from: 2, effect: { kind: 'lose-answer' } },
    { method: 'POST', path: completePath, effect: { kind: 'lose-answer' } },
    { method: 'HEAD', effect: busy },
  ],
}

for (const [what, rules] of Object.entries(multiparts)) {
  test(`a multipart upload ${what} ends with the right object`, async () => {
    await direct.put('object', Buffer.from('what was there before'))
    front.rules(rules)
    await write('object')
    assert.ok(front.hits > 0)
    assert.ok((await direct.get('object')).equals(bytes))
  })
}

test('an upload that cannot be finished leaves nothing to see, and aborting drops its parts', async () => {
  const before = await openUploads()
  front.rules([{ method: 'POST', path: completePath, times: 1000, effect: busy }])
  const writer = await store.create('object')
  await writer.write(bytes)
  await assert.rejects(writer.close(), { code: 'STORAGE_UNAVAILABLE' })
  assert.equal(await direct.head('object'), undefined)
  assert.equal(await openUploads(), before + 1)
  await writer.abort()
  assert.equal(await openUploads(), before)
  assert.equal(await direct.head('object'), undefined)
})

const gets: Readonly<Record<string, readonly FrontRule[]>> = {
  'is refused with 503': [{ method: 'GET', times: 3, effect: busy }],
  'is cut before the first byte': [{ method: 'GET', times: 2, effect: { kind: 'cut-answer', after: 0 } }],
  'is cut in the middle': [{ method: 'GET', times: 3, effect: { kind: 'cut-answer', after: 2_500_000 } }],
  'is never answered': [{ method: 'GET', effect: { kind: 'stall' } }],
  'is late': [{ method: 'GET', effect: { kind: 'delay', ms: 300 } }],
}

for (const [what, rules] of Object.entries(gets)) {
  test(`reading an object that ${what} ends with the right bytes`, async () => {
    await direct.put('object', bytes)
    front.rules(rules)
    assert.ok((await store.get('object')).equals(bytes))
    assert.ok(front.hits > 0)
    front.rules(rules)
    const part = Buffer.alloc(5_000_000)
    await store.read('object', 12_345_678, part)
    assert.ok(front.hits > 0)
    assert.ok(part.equals(bytes.subarray(12_345_678, 17_345_678)))
  })
}

test('listing and deleting go on through 503s and cut connections', async () => {
  const names = Array.from({ length: 2100 }, (_, i) => `k${String(i).padStart(5, '0')}`)
  for (let at = 0; at < names.length; at += 50) {
    await Promise.all(names.slice(at, at + 50).map((name) => direct.put(name, Buffer.alloc(1))))
  }
  front.rules([
    { method: 'GET', from: 2, effect: busy },
    { method: 'GET', from: 2, times: 2, effect: { kind: 'cut-answer', after: 10_000 } },
    { method: 'GET', from: 5, effect: { kind: 'lose-answer' } },
  ])
  const listed: string[] = []
  for await (const info of store.list('')) listed.push(info.key)
  assert.ok(front.hits > 1)
  assert.deepEqual(listed, names)
  front.rules([
    { method: 'POST', path: /delete/, effect: { kind: 'lose-answer' } },
    { method: 'POST', path: /delete/, from: 2, times: 2, effect: busy },
  ])
  await store.delete(names)
  assert.ok(front.hits > 1)
  for await (const info of direct.list('')) assert.fail(info.key)
})

test('a server that refuses checksums, or does not look at them, still gets whole objects', async () => {
  await using fresh = stackStore(await S3Store.open(server.spec('archive', { endpoint: front.endpoint })), {
    retries: { attempts: 3, delay: 1, maxDelay: 1 },
  })
  front.rules([{ method: 'PUT', effect: { kind: 'status', status: 501, code: 'NotImplemented' } }])
  await fresh.put('object', bytes.subarray(0, 100_000))
  assert.equal(front.hits, 1)
  // Signed now: what is damaged on the way is refused all the same.
  front.rules([{ method: 'PUT', effect: { kind: 'damage', at: 5 } }])
  await fresh.put('object', bytes.subarray(0, 100_000))
  assert.equal(front.hits, 1)
  assert.ok((await direct.get('object')).equals(bytes.subarray(0, 100_000)))
})

test('a server without batch deletion gets one request for each object', async () => {
  await using fresh = await openStore(server.spec('archive', { endpoint: front.endpoint }))
  for (const key of ['a', 'b', 'c', 'd']) await direct.put(key, Buffer.alloc(1))
  front.rules([
    {
      method: 'POST',
      path: /delete/,
      times: 100,
      effect: { kind: 'status', status: 501, code: 'NotImplemented' },
    },
  ])
  await fresh.delete(['a', 'b', 'c'])
  await fresh.delete(['d', 'never'])
  assert.equal(front.hits, 1)
  for await (const info of direct.list('')) assert.fail(info.key)
})

test('the whole suite of promises holds on a server that fails every tenth request', async () => {
  front.rules(
    Array.from({ length: 600 }, (_, i) => ({
      from: 7 + i * 10,
      effect: i % 3 === 0 ? busy : { kind: i % 3 === 1 ? 'lose-answer' : 'cut-request', after: 50_000 },
    })) as FrontRule[],
  )
  const results = await checkStore(store)
  assert.ok(front.hits > 100, `${front.hits} faults`)
  for (const result of results) if (!result.ok) throw result.error
})

test('wrong keys, a missing bucket and a dead address are one sentence each, without secrets', async () => {
  const spec = server.spec('archive')
  const cases = [
    [{ ...spec, secretAccessKey: 'hunter2hunter2' }, 'STORAGE_DENIED', /secret key is wrong/],
    [{ ...spec, accessKeyId: 'nobody' }, 'STORAGE_DENIED', /access key is not known/],
    [{ ...spec, bucket: 'no-such-bucket' }, 'STORAGE_NOT_FOUND', /bucket does not exist/],
    [{ ...spec, endpoint: 'http://127.0.0.1:1' }, 'STORAGE_UNAVAILABLE', /nothing listens/],
    [{ ...spec, endpoint: `https://127.0.0.1:${server.port}` }, 'STORAGE_UNAVAILABLE', /TLS/],
  ] as const
  for (const [wrong, code, message] of cases) {
    await using broken = await S3Store.open(wrong)
    const calls = [
      () => broken.put('a', Buffer.from('x')),
      () => broken.put('a', Buffer.from('x'), { ifAbsent: true }),
      () => broken.get('a'),
      async () => {
        for await (const _ of broken.list(''));
      },
    ]
    for (const call of calls) {
      const error = await call().then(
        () => assert.fail(`${code} expected`),
        (thrown: unknown) => thrown,
      )
      assert.equal((error as { code?: string }).code, code, String(error))
      assert.match((error as Error).message, message)
      assert.doesNotMatch(inspect(error, { depth: 10 }), /hunter2|only-for-tests/)
    }
  }
})
