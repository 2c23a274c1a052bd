import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { keptTelemetry, numbered, startSyncLab } from '../support/sync-lab.ts'

test('unchanged positions are committed again before the target forgets them, also while the source is gone', async () => {
  await using lab = await startSyncLab({
    source: { apart: true },
    target: {
      properties: { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' },
    },
  })
  const { sourceAdmin, targetAdmin } = lab
  const topic = 'idle'
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  await lab.fill('target', topic, numbered(10))
  await lab.map({ topic, to: 10n, runs: [{ source: 0n, target: 0n, count: 10 }] })
  await sourceAdmin.commit('asleep', topic, 0, 6n)
  // Nobody keeps this one.
  await targetAdmin.commit('forgotten', topic, 0, 6n)

  const telemetry = keptTelemetry()
  const stop = new AbortController()
  let troubles = 0
  const patience = { deliveryTimeout: 1000, connectTimeout: 1000 }
  const running = lab.sync(
    { groups: ['asleep'], pollInterval: 500, source: { ...lab.job.source, ...patience } },
    { once: false, signal: stop.signal, telemetry, onTrouble: () => troubles++ },
  )
  const until = async (holds: () => Promise<boolean>) => {
    while (!(await holds())) await delay(500)
  }
  try {
    await until(async () => (await targetAdmin.positions('asleep')).length === 1)
    await lab.source.broker(1).kill()
    await until(async () => (await targetAdmin.positions('forgotten')).length === 0)
    // A whole retention after the other one was gone, twice the retention after the first commit.
    const gone = Date.now()
    await until(async () => Date.now() - gone > 60_000)
    assert.equal((await targetAdmin.positions('asleep'))[0]?.offset, 6n)
    assert.ok((telemetry.counts.get('positions_committed aging') ?? 0) >= 2)
    assert.ok(troubles > 0, 'that the source is gone is told')
  } finally {
    stop.abort()
    assert.equal((await running).interrupted, true)
  }
})
