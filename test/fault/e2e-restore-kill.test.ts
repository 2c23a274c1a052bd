import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { cli, startCli } from '../support/cli.ts'
import { progressUntil, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import type { Section } from '../support/job-files.ts'
import { assertGroup, assertRestored, type GroupStand, type RestoredTopic } from '../support/restored.ts'

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
  const shop = await openShop(stage, timestamp)
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
    await cli(['verify', '-c', file])
    const again = reportOf<ThreePhaseJson>(await (await startCli(command)).ended)
    assert.equal(again.restore.already_done, true, 'once more changes nothing')
    for (const topic of topics) await stage.target.admin.deleteTopic(topic.target)
  }
  const inPhases = [...counts.inPhases].map(([phase, n]) => `${n} when ${phase} had begun`).join(', ')
  t.diagnostic(`${counts.killed} kills over ${rounds} restores (${inPhases})`)
}

interface Shop {
  readonly topics: readonly Omit<RestoredTopic, 'target'>[]
  readonly groups: Readonly<Record<string, GroupStand>>
}

/** Plain records in two partitions; transactions, committed and aborted, among records without any; positions in all of it. */
async function openShop(stage: Stage, timestamp: bigint | undefined): Promise<Shop> {
  const { admin, cluster } = stage.source
  const configs = { 'retention.ms': '-1', 'message.timestamp.before.max.ms': '9223372036854775807' }
  await admin.createTopic('plain', 2, configs)
  await admin.createTopic('mixed', 1, configs)
  await admin.createTopic('empty', 1, configs)
  const settings = { 'bootstrap.servers': cluster.bootstrap }
  const plain = await stage.java.producer({ ...settings, 'linger.ms': '5' })
  await plain.fill({ topic: 'plain', partitions: 2, count: perPartition, timestamp, size: 400 })
  const a = await stage.java.producer({ ...settings, 'transactional.id': 'a', 'compression.type': 'lz4' })
  const b = await stage.java.producer({ ...settings, 'transactional.id': 'b', 'linger.ms': '0' })
  for (let i = 0; i < 60; i++) {
    const filling = { topic: 'mixed', partitions: 1, timestamp, size: 100 }
    await Promise.all([a.begin(), b.begin()])
    await a.fill({ ...filling, first: i * 1000, count: 20 })
    await b.fill({ ...filling, first: i * 1000 + 100, count: 3 })
    await plain.fill({ ...filling, first: i * 1000 + 200, count: 2 })
    await a.fill({ ...filling, first: i * 1000 + 300, count: 5 })
    await (i % 3 === 0 ? a.abort() : a.commit())
    await (i % 4 === 0 ? b.abort() : b.commit())
  }
  await Promise.all([plain.close(), a.close(), b.close()])
  const topics = []
  for (const source of ['plain', 'mixed', 'empty']) {
    const ends = (await admin.partitions(source)).map(({ end }) => end)
    topics.push({ source, records: await stage.read(stage.source, source), ends })
  }
  const end = topics[1]?.ends[0] ?? 0n
  const groups: Record<string, GroupStand> = {
    billing: { plain: { 0: 1234n, 1: 5000n }, mixed: { 0: 700n } },
    'at the end': { plain: { 0: BigInt(perPartition), 1: BigInt(perPartition) }, mixed: { 0: end } },
    'at the start': { plain: { 0: 0n }, mixed: { 0: 0n }, empty: { 0: 0n } },
  }
  // Wherever they fall: on records of either kind, on markers, among aborted ones.
  for (let i = 1; i < 12; i++) groups[`mixed-${i}`] = { mixed: { 0: (end * BigInt(i)) / 12n } }
  for (const [group, stand] of Object.entries(groups)) {
    for (const [topic, offsets] of Object.entries(stand)) {
      for (const [partition, offset] of Object.entries(offsets)) {
        await admin.commit(group, topic, Number(partition), offset)
      }
    }
  }
  return { topics, groups }
}
