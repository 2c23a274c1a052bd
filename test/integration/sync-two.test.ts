import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { keptTelemetry, numbered, startSyncLab } from '../support/sync-lab.ts'

const lab = await startSyncLab()
after(async () => {
  await lab[Symbol.asyncDispose]()
})
const { sourceAdmin, targetAdmin } = lab

test('two programs that keep the same groups in step: no position is ever ahead, and all come to where they belong', async (context) => {
  const topic = 'shared'
  const groups = ['two-a', 'two-b', 'two-c']
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  await lab.fill('target', topic, numbered(2_000))
  await lab.map({ topic, to: 2_000n, runs: [{ source: 0n, target: 0n, count: 2_000 }] })
  const stop = new AbortController()
  const telemetry = keptTelemetry()
  const programs = [0, 1].map(() =>
    lab.sync({ groups, pollInterval: 20 }, { once: false, signal: stop.signal, telemetry }),
  )
  const seen = new Map<string, bigint>()
  const wanted = new Map<string, bigint>()
  let ahead: string | undefined
  // Commits of rounds that cross may put a position back by a round; the next one mends it.
  let back = 0
  let watching = true
  const watch = (async () => {
    while (watching) {
      for (const group of groups) {
        const now = (await targetAdmin.positions(group))[0]?.offset
        const before = seen.get(group) ?? 0n
        if (now === undefined) continue
        if (now < before) back++
        if (now > (wanted.get(group) ?? 0n))
          ahead ??= `${group} is at ${now}, and belongs at ${wanted.get(group)}`
        seen.set(group, now)
      }
      await delay(1)
    }
  })()
  for (let offset = 1n; offset <= 120n; offset++) {
    for (const group of groups) {
      wanted.set(group, offset)
      await sourceAdmin.commit(group, topic, 0, offset)
    }
  }
  for (const group of groups) {
    while (seen.get(group) !== 120n) await delay(20)
  }
  watching = false
  await watch
  stop.abort()
  await Promise.all(programs)
  for (const group of groups) assert.equal((await targetAdmin.positions(group))[0]?.offset, 120n)
  assert.equal(ahead, undefined)
  context.diagnostic(`${back} times a position was seen to go back`)
  assert.equal(telemetry.lines.filter((line) => line.startsWith('error')).join('\n'), '')
})
