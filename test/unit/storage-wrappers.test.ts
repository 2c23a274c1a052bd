import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, type Telemetry, TidemarkError } from '../../src/base/index.ts'
import { type Fault, FaultStore } from '../../src/storage/faults.ts'
import { openStore, stackStore } from '../../src/storage/index.ts'
import { LimitStore } from '../../src/storage/limit.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { RetryStore } from '../../src/storage/retry.ts'
import type { Bytes, CallOptions, ObjectStore, PutOptions } from '../../src/storage/store.ts'

/** Time that passes only when somebody sleeps. */
function patientClock(): Clock & { readonly slept: number[] } {
  let now = 1_000_000
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
    },
  }
}

const policy = { attempts: 4, delay: 100, maxDelay: 1000 }

function retrying(faults: readonly Fault[], inner: ObjectStore = new MemoryStore()) {
  const clock = patientClock()
  const faulty = new FaultStore(inner, faults, clock)
  return { store: new RetryStore(faulty, { policy, clock }), faulty, inner, clock }
}

test('a passing error of any call is tried again', async () => {
  const calls = ['put', 'create', 'write', 'close', 'get', 'read', 'head', 'delete'] as const
  const { store, faulty, clock } = retrying(
    calls.map((call) => ({ calls: [call], times: 3, effect: { kind: 'fail' } })),
  )
  await store.put('a', Buffer.from('first'))
  const writer = await store.create('a')
  await writer.write([Buffer.from('sec'), Buffer.from('ond')])
  await writer.close()
  assert.equal((await store.get('a')).toString(), 'second')
  const part = Buffer.alloc(3)
  await store.read('a', 3, part)
  assert.equal(part.toString(), 'ond')
  assert.equal((await store.head('a'))?.size, 6)
  await store.delete(['a'])
  assert.equal(faulty.hits, calls.length * 3)
  assert.equal(clock.slept.length, calls.length * 3)
})

test('after the last attempt the error comes out', async () => {
  const { store, faulty } = retrying([{ times: 100, effect: { kind: 'fail' } }])
  await assert.rejects(store.get('a'), { code: 'STORAGE_UNAVAILABLE' })
  assert.equal(faulty.hits, policy.attempts)
})

test('an error that is not passing is not tried again', async () => {
  const error = new TidemarkError('STORAGE_FULL', 'no space')
  const { store, faulty } = retrying([{ times: 100, effect: { kind: 'fail', error } }])
  await assert.rejects(store.put('a', Buffer.alloc(1)), error)
  assert.equal(faulty.hits, 1)
})

test('a conditional put whose answer was lost is won when the object there is ours', async () => {
  const { store, faulty, inner } = retrying([{ calls: ['put'], times: 2, effect: { kind: 'fail-after' } }])
  const token = [Buffer.from('our '), Buffer.from('token')]
  assert.equal(await store.put('commit', token, { ifAbsent: true }), true)
  assert.equal(faulty.hits, 2)
  assert.equal((await inner.get('commit')).toString(), 'our token')
})

test('a conditional put whose answer was lost is lost when another was faster', async () => {
  for (const others of ['another', 'our tokem', 'our token and more', '']) {
    const inner = new MemoryStore()
    const { store } = retrying([{ calls: ['put'], effect: { kind: 'fail' } }], inner)
    await inner.put('commit', Buffer.from(others))
    assert.equal(await store.put('commit', Buffer.from('our token'), { ifAbsent: true }), false)
    assert.equal((await inner.get('commit')).toString(), others)
  }
})

test('a conditional put that surely lost is not compared: equal bytes do not make it a winner', async () => {
  const { store } = retrying([])
  await store.put('commit', Buffer.from('same'))
  assert.equal(await store.put('commit', Buffer.from('same'), { ifAbsent: true }), false)
})

test('a conditional put that did not arrive at first arrives at the second try', async () => {
  const { store, inner } = retrying([{ calls: ['put'], times: 3, effect: { kind: 'fail' } }])
  assert.equal(await store.put('commit', Buffer.from('x'), { ifAbsent: true }), true)
  assert.equal((await inner.get('commit')).toString(), 'x')
})

test('a conditional put keeps trying to read back what it is unsure of', async () => {
  const { store } = retrying([
    { calls: ['put'], effect: { kind: 'fail-after' } },
    { calls: ['head'], effect: { kind: 'fail' } },
    { calls: ['get'], effect: { kind: 'fail' } },
  ])
  assert.equal(await store.put('commit', Buffer.from('token'), { ifAbsent: true }), true)
})

test('a listing that breaks off goes on behind the last object, without repeating one', async () => {
  const inner = new MemoryStore()
  for (let i = 0; i < 30; i++) await inner.put(`k${String(i).padStart(2, '0')}`, Buffer.alloc(i))
  const { store, faulty } = retrying(
    [3, 4, 17, 29, 34].map((from) => ({ calls: ['list'], from, effect: { kind: 'fail' } })),
    inner,
  )
  const keys: string[] = []
  for await (const info of store.list('k', { startAfter: 'k04' })) keys.push(info.key)
  assert.deepEqual(
    keys,
    Array.from({ length: 25 }, (_, i) => `k${String(i + 5).padStart(2, '0')}`),
  )
  assert.ok(faulty.hits >= 3)
})

test('waiting for the next attempt ends when the signal is aborted', async () => {
  const stop = new AbortController()
  const reason = new Error('enough')
  const clock: Clock = {
    ...patientClock(),
    async sleep() {
      stop.abort(reason)
      stop.signal.throwIfAborted()
    },
  }
  const faulty = new FaultStore(new MemoryStore(), [{ times: 100, effect: { kind: 'fail' } }])
  const store = new RetryStore(faulty, { policy, clock })
  await assert.rejects(store.get('a', { signal: stop.signal }), reason)
  assert.equal(faulty.hits, 1)
})

test('a broken writer cannot be closed as if nothing had happened', async () => {
  const { store, inner } = retrying([{ calls: ['write'], from: 2, effect: { kind: 'cut' } }])
  const writer = await store.create('a')
  await writer.write(Buffer.alloc(10))
  await assert.rejects(writer.write(Buffer.alloc(10)), { code: 'STORAGE_UNAVAILABLE', retriable: false })
  await assert.rejects(writer.write(Buffer.alloc(10)), { code: 'STORAGE_UNAVAILABLE' })
  await assert.rejects(writer.close())
  await writer.abort()
  assert.equal(await inner.head('a'), undefined)
})

test('a put that is cut half-way leaves nothing, and the next attempt the whole', async () => {
  const { store, faulty, inner } = retrying([{ calls: ['put'], effect: { kind: 'cut', share: 0.9 } }])
  await store.put('a', [Buffer.alloc(5, 1), Buffer.alloc(5, 2)])
  assert.equal(faulty.hits, 1)
  assert.equal((await inner.get('a')).toString('hex'), '01010101010202020202')
})

test('no more calls than the limit are under way', async () => {
  let under = 0
  let most = 0
  class Slow extends MemoryStore {
    override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
      most = Math.max(most, ++under)
      await new Promise((resolve) => setImmediate(resolve))
      under--
      return await super.put(key, bytes, options)
    }
  }
  const store = new LimitStore(new Slow(), { calls: 3 })
  await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`k${i}`, Buffer.alloc(1))))
  assert.equal(most, 3)
})

test('a listing holds no place while its reader uses the store', async () => {
  const store = new LimitStore(new MemoryStore(), { calls: 1 })
  for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.from(key))
  const seen: string[] = []
  for await (const info of store.list('')) seen.push((await store.get(info.key)).toString())
  assert.deepEqual(seen, ['a', 'b', 'c'])
})

test('bytes in both directions keep to the rate', async () => {
  const clock = patientClock()
  const store = new LimitStore(new MemoryStore(), { bytesPerSecond: 1000, clock })
  const started = clock.monotonic()
  for (let i = 0; i < 10; i++) await store.put(`k${i}`, Buffer.alloc(500))
  for (let i = 0; i < 10; i++) await store.get(`k${i}`)
  await store.read('k1', 0, Buffer.alloc(500))
  const writer = await store.create('w')
  for (let i = 0; i < 5; i++) await writer.write(Buffer.alloc(500))
  await writer.close()
  // 13,000 bytes, of which a second's worth goes at once.
  assert.equal(clock.monotonic() - started, 12_000)
})

test('telemetry hears of calls, bytes and outcomes', async () => {
  const counts = new Map<string, number>()
  const lines: string[] = []
  const telemetry: Telemetry = {
    log: (level, message) => lines.push(`${level} ${message}`),
    count: (name, by, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ')
      counts.set(key, (counts.get(key) ?? 0) + by)
    },
    gauge: () => {},
  }
  const clock = patientClock()
  const store = stackStore(new MemoryStore(), {
    telemetry,
    clock,
    retries: policy,
    faults: [{ calls: ['get'], effect: { kind: 'fail' } }],
  })
  await store.put('a', Buffer.alloc(10))
  await store.put('a', Buffer.alloc(99), { ifAbsent: true })
  const writer = await store.create('b')
  await writer.write(Buffer.alloc(5))
  await writer.close()
  await store.get('a')
  await assert.rejects(store.get('absent'), { code: 'STORAGE_NOT_FOUND' })
  for await (const _ of store.list(''));
  assert.deepEqual(Object.fromEntries([...counts].sort()), {
    storage_bytes_read: 10,
    storage_bytes_written: 15,
    'storage_calls close ok': 1,
    'storage_calls create ok': 1,
    'storage_calls get STORAGE_NOT_FOUND': 1,
    'storage_calls get ok': 1,
    'storage_calls list ok': 1,
    'storage_calls put ok': 2,
    'storage_retries get': 1,
  })
  assert.ok(lines.some((line) => /^warn get of a is tried again in \d+ ms: The connection/.test(line)))
})

test('faults hit the calls that they are for', async () => {
  const clock = patientClock()
  const store = new FaultStore(
    new MemoryStore(),
    [
      { calls: ['put'], keys: (key) => key === 'b', from: 2, times: 2, effect: { kind: 'fail' } },
      { calls: ['head'], effect: { kind: 'delay', ms: 70 } },
      { calls: ['get'], effect: { kind: 'hang' } },
    ],
    clock,
  )
  const outcomes: string[] = []
  for (const key of ['a', 'b', 'a', 'b', 'b', 'b']) {
    await store.put(key, Buffer.alloc(1)).then(
      () => outcomes.push('ok'),
      () => outcomes.push('failed'),
    )
  }
  assert.deepEqual(outcomes, ['ok', 'ok', 'ok', 'failed', 'failed', 'ok'])
  await store.head('a')
  assert.deepEqual(clock.slept, [70])
  const stop = new AbortController()
  const hanging = store.get('a', { signal: stop.signal } satisfies CallOptions)
  stop.abort(new Error('enough'))
  await assert.rejects(hanging, /enough/)
  assert.equal(store.hits, 4)
})

test('memory stores of one name are one store in a process', async () => {
  await using one = await openStore('memory://shared-by-name')
  await using other = await openStore({ backend: 'memory', name: 'shared-by-name' })
  await using stranger = await openStore('memory://someone-else')
  await one.put('a', Buffer.from('x'))
  assert.equal((await other.get('a')).toString(), 'x')
  assert.equal(await stranger.head('a'), undefined)
})
