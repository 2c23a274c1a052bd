import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ChangeActions, replicateDefaults } from '../../src/replicate/index.ts'
import {
  type LabJob,
  type ReplicateLab,
  type SaidStatus,
  startLab,
  type Worker,
} from '../support/replicate-lab.ts'
import { assertCopied, mapsOf, until, untilCopied } from '../support/replicated.ts'

let lab: ReplicateLab

before(async () => {
  lab = await startLab()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const go: ChangeActions = { gap: 'continue', truncated: 'continue', recreated: 'continue', lost: 'continue' }

async function fill(topic: string, first: number, count: number, partitions = 1): Promise<void> {
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  await producer.fill({ topic, partitions, first, count, size: 30 })
  await producer.close()
}

async function keys(side: 'source' | 'target', topic: string): Promise<string[]> {
  const records = await lab.java.read(lab[side].bootstrap, topic, 0)
  return records.map(({ key }) => key?.toString() ?? '')
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `0-${from + i}`)
}

test('records that were deleted before they were copied are a gap with its bounds, and copying goes on behind it', async () => {
  await lab.sourceAdmin.createTopic('gap-a', 1)
  await fill('gap-a', 0, 20)
  const job = lab.job('gap')
  const first = lab.worker(job)
  await untilCopied(lab, 'gap-a', 1)
  await first.stop()
  await fill('gap-a', 20, 20)
  await lab.sourceAdmin.deleteRecords('gap-a', 0, 30n)
  const second = lab.worker(job)
  const status = await second.until(
    'the gap is told',
    ({ events, records }) => events.length > 0 && records === 10,
  )
  const [event] = status.events
  assert.deepEqual(
    [event?.type, event?.topic, Number(event?.from), Number(event?.to)],
    ['gap', 'gap-a', 20, 30],
  )
  assert.ok(second.log.some(({ level, topic }) => level === 'warn' && topic === 'gap-a'))
  assert.equal(await second.stop(), 0)
  assert.deepEqual(await keys('target', 'gap-a'), [...numbered(0, 20), ...numbered(30, 40)])
  const [map] = (await mapsOf(lab, job)).from('gap-a', 0)
  assert.equal(map?.records, 30)
  assert.equal(map?.find(25n)?.source, 30n)
})

test('a pipeline that is to stop at a gap ends, says so, and copies nothing beyond it', async () => {
  await lab.sourceAdmin.createTopic('strict-a', 1)
  await fill('strict-a', 0, 10)
  const job = lab.job('strict', { onChange: { ...go, gap: 'stop' } })
  const first = lab.worker(job)
  await untilCopied(lab, 'strict-a', 1)
  await first.stop()
  await fill('strict-a', 10, 10)
  await lab.sourceAdmin.deleteRecords('strict-a', 0, 15n)
  const second = lab.worker(job)
  assert.equal(await second.ended, 4)
  assert.equal(second.log.at(-1)?.code, 'SOURCE_CHANGED')
  assert.deepEqual(await keys('target', 'strict-a'), numbered(0, 10))
  const third = lab.worker({ ...job, onChange: go })
  await third.until('it goes on when it is told to', ({ records }) => records === 5)
  assert.equal(await third.stop(), 0)
  assert.deepEqual(await keys('target', 'strict-a'), [...numbered(0, 10), ...numbered(15, 20)])
})

test('a topic that was made anew is copied behind the old one, while running and over a restart', async () => {
  await lab.sourceAdmin.createTopic('anew-a', 1)
  await fill('anew-a', 0, 10)
  const job = lab.job('anew')
  const first = lab.worker(job)
  await untilCopied(lab, 'anew-a', 1)
  await lab.sourceAdmin.deleteTopic('anew-a')
  await lab.sourceAdmin.createTopic('anew-a', 1)
  await fill('anew-a', 100, 5)
  await first.until('the new one is copied', ({ records }) => records === 15)
  assert.ok(first.status?.events.some(({ type }) => type === 'recreated'))
  assert.equal(await first.stop(), 0)
  await lab.sourceAdmin.deleteTopic('anew-a')
  await lab.sourceAdmin.createTopic('anew-a', 1)
  await fill('anew-a', 200, 7)
  const second = lab.worker(job)
  await second.until('the third one is copied', ({ records }) => records === 7)
  assert.ok(second.status?.events.some(({ type }) => type === 'recreated'))
  assert.equal(await second.stop(), 0)
  assert.deepEqual(await keys('target', 'anew-a'), [
    ...numbered(0, 10),
    ...numbered(100, 105),
    ...numbered(200, 207),
  ])
  const [map] = (await mapsOf(lab, job)).from('anew-a', 0)
  assert.equal(map?.records, 7)
  const target = await lab.java.read(lab.target.bootstrap, 'anew-a', 0)
  assert.equal(map?.find(0n)?.target, target[15]?.offset)
})

test('a partition that is held stays held over a restart, and the others go on', async () => {
  await lab.sourceAdmin.createTopic('held-a', 1)
  await lab.sourceAdmin.createTopic('held-b', 1)
  await fill('held-a', 0, 5)
  const job = lab.job('held', { onChange: { ...go, recreated: 'hold' } })
  const first = lab.worker(job)
  await untilCopied(lab, 'held-a', 1)
  await first.stop()
  await lab.sourceAdmin.deleteTopic('held-a')
  await lab.sourceAdmin.createTopic('held-a', 1)
  await fill('held-a', 100, 5)
  await fill('held-b', 0, 5)
  for (let start = 0; start < 2; start++) {
    const worker = lab.worker(job)
    await worker.until('it is held', ({ partitions }) =>
      partitions.some(({ topic, state }) => topic === 'held-a' && state === 'held'),
    )
    await untilCopied(lab, 'held-b', 1)
    assert.equal(await worker.stop(), 0)
    assert.deepEqual(await keys('target', 'held-a'), numbered(0, 5))
  }
  const told = lab.worker({ ...job, onChange: go })
  await told.until('it goes on when it is told to', ({ records }) => records === 5)
  assert.equal(await told.stop(), 0)
  await assertCopied(lab, 'held-b', 1)
})

test('a topic that is gone is told once, and goes on as a new one when it comes back', async () => {
  await lab.sourceAdmin.createTopic('gone-a', 1)
  await fill('gone-a', 0, 5)
  const job = lab.job('gone')
  const first = lab.worker(job)
  await untilCopied(lab, 'gone-a', 1)
  await first.stop()
  await lab.sourceAdmin.deleteTopic('gone-a')
  const second = lab.worker(job)
  await second.until('it is told', ({ events }) => events.some(({ type }) => type === 'lost'))
  assert.equal(await second.stop(), 0)
  const third = lab.worker(job)
  await third.until('it runs', ({ state }) => state === 'running')
  await lab.sourceAdmin.createTopic('gone-a', 1)
  await fill('gone-a', 100, 5)
  await third.until('the new one is copied', ({ records }) => records === 5)
  assert.equal(await third.stop(), 0)
  assert.ok(third.status?.events.every(({ type }) => type !== 'lost'))
  assert.deepEqual(await keys('target', 'gone-a'), [...numbered(0, 5), ...numbered(100, 105)])
})

test('a target topic that was deleted is not filled anew as if nothing had been', async () => {
  await lab.sourceAdmin.createTopic('wiped-a', 1)
  await fill('wiped-a', 0, 5)
  const job = lab.job('wiped')
  const first = lab.worker(job)
  await untilCopied(lab, 'wiped-a', 1)
  await first.stop()
  await lab.targetAdmin.deleteTopic('wiped-a')
  const second = lab.worker(job)
  const status = await second.until('it fails', ({ partitions }) =>
    partitions.some(({ state }) => state === 'failed'),
  )
  assert.match(status.partitions[0]?.reason ?? '', /was deleted/)
  assert.equal(await second.stop(), 0)
  await until('it is still not there', async () => !(await lab.targetAdmin.topics()).includes('wiped-a'))
})

test('a partition that is held at a gap stays held over a restart, until it is told to go on behind it', async () => {
  await lab.sourceAdmin.createTopic('pause-a', 1)
  await lab.sourceAdmin.createTopic('pause-b', 1)
  await fill('pause-a', 0, 10)
  const job = lab.job('pause', { onChange: { ...go, gap: 'hold' } })
  const first = lab.worker(job)
  await untilCopied(lab, 'pause-a', 1)
  await first.stop()
  await fill('pause-a', 10, 10)
  await fill('pause-b', 0, 5)
  await lab.sourceAdmin.deleteRecords('pause-a', 0, 15n)
  for (let start = 0; start < 2; start++) {
    const worker = lab.worker(job)
    await worker.until('it is held', ({ partitions }) =>
      partitions.some(({ topic, state, reason }) => topic === 'pause-a' && state === 'held' && reason !== ''),
    )
    await untilCopied(lab, 'pause-b', 1)
    assert.equal(await worker.stop(), 0)
    assert.deepEqual(await keys('target', 'pause-a'), numbered(0, 10))
  }
  const told = lab.worker({ ...job, onChange: go })
  await told.until('it goes on when it is told to', ({ records }) => records === 5)
  assert.equal(await told.stop(), 0)
  assert.deepEqual(await keys('target', 'pause-a'), [...numbered(0, 10), ...numbered(15, 20)])
})

test('a pipeline that is to stop at a topic that was made anew ends, while running and when it is started', async () => {
  await lab.sourceAdmin.createTopic('halt-a', 1)
  await fill('halt-a', 0, 5)
  const job = lab.job('halt', { onChange: { ...go, recreated: 'stop' } })
  const first = lab.worker(job)
  await untilCopied(lab, 'halt-a', 1)
  await lab.sourceAdmin.deleteTopic('halt-a')
  await lab.sourceAdmin.createTopic('halt-a', 1)
  await fill('halt-a', 100, 5)
  assert.equal(await first.ended, 4)
  for (const { log } of [first, await stopsAtOnce(job)]) {
    assert.equal(log.at(-1)?.code, 'SOURCE_CHANGED')
    assert.match(String(log.at(-1)?.message), /halt-a.*deleted and created again/)
  }
  assert.deepEqual(await keys('target', 'halt-a'), numbered(0, 5))
  const told = lab.worker({ ...job, onChange: go })
  await told.until('it goes on when it is told to', ({ records }) => records === 5)
  assert.equal(await told.stop(), 0)
  assert.deepEqual(await keys('target', 'halt-a'), [...numbered(0, 5), ...numbered(100, 105)])
})

test('a pipeline that is to stop at a topic that is gone ends, once; one that is to hold goes on with the others', async () => {
  for (const action of ['stop', 'hold'] as const) {
    const [topic, other] = [`${action}-gone`, `${action}-there`]
    await lab.sourceAdmin.createTopic(topic, 1)
    await lab.sourceAdmin.createTopic(other, 1)
    await fill(topic, 0, 5)
    const job = lab.job(action, { onChange: { ...go, lost: action } })
    const first = lab.worker(job)
    await untilCopied(lab, topic, 1)
    await lab.sourceAdmin.deleteTopic(topic)
    if (action === 'stop') {
      // Told once: whoever starts it again has seen it.
      assert.equal(await first.ended, 4)
      assert.equal(first.log.at(-1)?.code, 'SOURCE_CHANGED')
    } else {
      await first.until('it is told', ({ events }) => events.some(({ type }) => type === 'lost'))
    }
    await fill(other, 0, 5)
    const goesOn = action === 'stop' ? lab.worker(job) : first
    await untilCopied(lab, other, 1)
    assert.equal(await goesOn.stop(), 0)
    assert.deepEqual(await keys('target', topic), numbered(0, 5))
    await assertCopied(lab, other, 1)
  }
})

for (const action of ['continue', 'hold', 'stop'] as const) {
  test(`partitions that are missing after a topic was made anew are lost, the others are followed; told to ${action}`, async () => {
    const [name, topic] = [`fewer${action}`, `fewer${action}-a`]
    await lab.sourceAdmin.createTopic(topic, 3)
    await fill(topic, 0, 4, 3)
    const job = lab.job(name, { onChange: { ...go, lost: action } })
    const first = lab.worker(job)
    await untilCopied(lab, topic, 3)
    await lab.sourceAdmin.deleteTopic(topic)
    await lab.sourceAdmin.createTopic(topic, 1)
    await fill(topic, 100, 5)
    const warned = ({ log }: Worker) =>
      log.filter(({ level, message }) => level === 'warn' && /does not exist/.test(String(message)))
    const isLost = ({ events }: SaidStatus) => events.filter(({ type }) => type === 'lost')
    let last = first
    if (action === 'stop') {
      assert.equal(await first.ended, 4)
      assert.match(String(first.log.at(-1)?.message), /Partition [12] of topic .*does not exist any more/)
      // Each is told once: whoever starts it again has seen it.
      const told = warned(first)
      while (told.length < 2) {
        const more = warned(await stopsAtOnce(job))
        assert.ok(more.length > 0)
        told.push(...more)
      }
      assert.deepEqual(told.map((line) => line.partition).sort(), [1, 2])
      last = lab.worker(job)
    } else {
      const status = await first.until('both are told', (one) => isLost(one).length >= 2)
      assert.deepEqual(
        isLost(status)
          .map(({ partition, from, to }) => [partition, Number(from), Number(to)])
          .sort(),
        [
          [1, 4, 4],
          [2, 4, 4],
        ],
      )
      await first.until('they are held, and the other one is copied', ({ partitions }) =>
        [0, 1, 2].every((number) =>
          partitions.some(
            ({ partition, state, reason }) =>
              partition === number &&
              (number === 0 ? state === 'copying' : state === 'held' && /does not exist/.test(reason ?? '')),
          ),
        ),
      )
      const counted = first.log.filter(({ level }) => level === 'count')
      const told = warned(first)
      for (const lines of [counted.filter(({ type }) => type === 'lost'), told]) {
        assert.deepEqual(
          lines.map((line) => line.topic),
          [topic, topic],
        )
      }
      assert.deepEqual(told.map((line) => [line.partition, line.action]).sort(), [
        [1, action],
        [2, action],
      ])
    }
    await last.until('the new partition is copied', ({ partitions }) =>
      partitions.some(({ partition, next }) => partition === 0 && next === 5),
    )
    assert.deepEqual(await keys('target', topic), [...numbered(0, 4), ...numbered(100, 105)])
    assert.equal(await last.stop(), 0)
    assert.deepEqual(await lostInMapTopic(topic), [
      { partition: 1, from: 4, to: 4 },
      { partition: 2, from: 4, to: 4 },
    ])
    // Nothing is told a second time.
    const again = lab.worker(job)
    await again.until('it runs', ({ state, partitions }) => state === 'running' && partitions.length > 0)
    await lab.sourceAdmin.grow(topic, 3)
    await fill(topic, 200, 2, 3)
    await again.until('partitions that are back are copied', ({ records }) => records === 6)
    assert.equal(await again.stop(), 0)
    assert.equal(isLost(again.status as SaidStatus).length, 0)
    for (const partition of [1, 2]) {
      const copied = (await lab.java.read(lab.target.bootstrap, topic, partition)).map(({ key }) =>
        key?.toString(),
      )
      assert.equal(copied.length, 6)
      const [map] = (await mapsOf(lab, job)).from(topic, partition)
      assert.equal(map?.records, 2)
    }
  })
}

test('a worker that is stopped while a transaction is open commits it or leaves it, and the next one goes on behind what counts', async () => {
  await lab.sourceAdmin.createTopic('amid-a', 4)
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  // Transactions that would stay open for long: whatever moment it is, one is open.
  const job = lab.job('amid', { commitInterval: 1_500 })
  let copied = 0
  for (let round = 0; round < 4; round++) {
    const filling = producer.fill({
      topic: 'amid-a',
      partitions: 4,
      first: round * 300,
      count: 300,
      size: 50,
    })
    const worker = lab.worker(job)
    await worker.until('it runs', ({ state, partitions }) => state === 'running' && partitions.length === 4)
    await filling
    assert.equal(await worker.stop(), 0)
    const report = worker.status
    assert.equal(report?.state, 'ended')
    copied += report?.records ?? 0
    // What it says that it copied counts on the target, no more and no less.
    let there = 0
    for (let p = 0; p < 4; p++) there += (await lab.java.read(lab.target.bootstrap, 'amid-a', p)).length
    assert.equal(there, copied)
  }
  await producer.close()
  const last = lab.worker(job)
  await untilCopied(lab, 'amid-a', 4)
  assert.equal(await last.stop(), 0)
  await assertCopied(lab, 'amid-a', 4)
})

test('how much there is to copy is told before anything of it was copied', async () => {
  await lab.sourceAdmin.createTopic('waiting-a', 1)
  await fill('waiting-a', 0, 7)
  const worker = lab.worker(lab.job('waiting', { startAt: 'latest' }))
  await worker.until('it tells', ({ partitions }) =>
    partitions.some(({ topic, sourceEnd, next }) => topic === 'waiting-a' && sourceEnd === 7 && next === 7),
  )
  assert.equal(worker.status?.records, 0)
  assert.equal(await worker.stop(), 0)
})

/** Events of that kind that the map topic has of a topic. */
async function lostInMapTopic(topic: string) {
  const { name } = replicateDefaults.mapTopic
  const numbers = (await lab.targetAdmin.partitions(name)).map(({ partition }) => partition)
  const records = await Promise.all(numbers.map((p) => lab.java.read(lab.target.bootstrap, name, p)))
  return records
    .flat()
    .flatMap(({ key, value }) => {
      const place = JSON.parse(key?.toString() ?? '{}') as { topic?: string; partition: number }
      const { events } = JSON.parse(value?.toString() ?? '{}') as {
        events?: readonly { type: string; from: number; to: number }[]
      }
      if (place.topic !== topic) return []
      const lost = events?.filter(({ type }) => type === 'lost') ?? []
      return lost.map(({ from, to }) => ({ partition: place.partition, from, to }))
    })
    .sort((a, b) => a.partition - b.partition)
}

/** The job ends by itself as soon as it is started. */
async function stopsAtOnce(job: LabJob): Promise<Worker> {
  const worker = lab.worker(job)
  assert.equal(await worker.ended, 4)
  return worker
}
