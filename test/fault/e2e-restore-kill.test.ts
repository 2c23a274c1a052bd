import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { cli, startCli } from '../support/cli.ts'
import { progressUntil, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import type { Section } from '../support/job-files.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'
import { openShop } from '../support/shop.ts'

/** `TIDEMARK_KILLS` asks for fewer, for a quick trial. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 100)
const perPartition = 8_000
const twoYears = 2n * 365n * 86_400_000n

/** Ways to restore; each round takes the next one. */
const ways: readonly { readonly name: string; readonly restore: Section; readonly headers?: boolean }[] = [
  { name: 'raw', restore: {} },
  { name: 'spread', restore: {} },
  { name: 'headers', restore: { include_original_offset_header: true }, headers: true },
  { name: 'transactions', restore: { delivery: 'transactions' } },
  { name: 'limited', restore: { rate_limit_bytes_per_sec: 8_000_000 } },
]

/** Points of a run after the copy, at which random moments are too rare. */
const phases = ['prepare', 'positions', 'settings']

test(`a three-phase-restore killed at ${kills} random moments is whole and right in the end: fresh records`, async (t) => {
  await using stage = await Stage.open({}, {})
  await killRestores(stage, undefined, t)
})

test(`a three-phase-restore killed at ${kills} random moments is whole and right in the end: records two years old, a target that forgets producers at once`, async (t) => {
  await using stage = await Stage.open(
    {},
    {
      properties: {
        'producer.id.expiration.ms': '1000',
        'producer.id.expiration.check.interval.ms': '1000',
      },
    },
  )
  await killRestores(stage, BigInt(Date.now()) - twoYears, t)
})

async function killRestores(stage: Stage, timestamp: bigint | undefined, t: TestContext): Promise<void> {
  const shop = await openShop(stage, { perPartition, timestamp })
  reportOf(await stage.backup({ backupId: 'shop', topics: ['*'] }))
  const counts = { killed: 0, inPhases: new Map<string, number>() }
  let rounds = 0
  let length = 4000
  for (; counts.killed < kills; rounds++) {
    const way = ways[rounds % ways.length]
    assert.ok(way)
    const name = (topic: string) => `${way.name}-${rounds}-${topic}`
    const topics = shop.topics.map((topic) => ({ ...topic, target: name(topic.source) }))
    const mapping = join(stage.folder, `mapping-${rounds}.json`)
    const job = {
      backupId: 'shop',
      name: `round-${rounds}`,
      restore: {
        create_topics: true,
        topic_mapping: { '*': name('*') },
        settle_ms: 300,
        auto_consumer_groups: true,
        ...way.restore,
        ...(way.name === 'spread' && {
          repartitioning: { [name('plain')]: { strategy: 'murmur2', target_partitions: 3 } },
        }),
      },
    }
    const file = await stage.restoreFile(job)
    const command = ['three-phase-restore', '-c', file, '-o', 'json', '--progress', 'json']
    for (;;) {
      const started = performance.now()
      const running = await startCli([...command, '--mapping-output', mapping])
      // One kill in three waits for a phase, and then a moment that is shorter than most of them.
      const phase = randomInt(3) === 0 ? phases[randomInt(phases.length)] : undefined
      const moment = phase
        ? progressUntil(running, (line) => line.phase === phase).then(() => delay(randomInt(60)))
        : delay(randomInt(1, Math.round(length * 1.1)))
      const ended = await Promise.race([running.ended, moment])
      if (ended) {
        const report = reportOf<ThreePhaseJson>(ended)
        assert.equal(report.restore.status, 'done')
        length = performance.now() - started
        break
      }
      running.process.kill('SIGKILL')
      const { signal, stdout } = await running.ended
      if (signal !== 'SIGKILL') continue
      counts.killed++
      length *= 1.05
      if (phase) counts.inPhases.set(phase, (counts.inPhases.get(phase) ?? 0) + 1)
      // Killed before its report, or just after it: then all was done.
      if (stdout !== '') assert.match(stdout, /"status": "done"/)
    }
    const logs = await assertRestored(stage, topics, mapping, { offsetHeaders: way.headers ?? false })
    for (const [group, stand] of Object.entries(shop.groups)) {
      await assertGroup(stage, topics, logs, group, stand)
    }
    await cli(['verify', '-c', file, '--nothing-behind'])
    const again = reportOf<ThreePhaseJson>(await (await startCli(command)).ended)
    assert.equal(again.restore.already_done, true, 'once more changes nothing')
    for (const topic of topics) await stage.target.admin.deleteTopic(topic.target)
  }
  const inPhases = [...counts.inPhases].map(([phase, n]) => `${n} when ${phase} had begun`).join(', ')
  t.diagnostic(`${counts.killed} kills over ${rounds} restores (${inPhases})`)
}
