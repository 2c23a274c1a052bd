import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { isTidemarkError } from '../../src/base/index.ts'
import { offsetsFromJson } from '../../src/offsets/index.ts'
import { encodeCheckpoint } from '../../src/replicate/sync/mm2-records.ts'
import { cli, runCli } from '../support/cli.ts'
import { mirrorOffsets } from '../support/mirror-client.ts'
import { keptTelemetry, mapTopic, numbered, startSyncLab } from '../support/sync-lab.ts'
import { tempFolder } from '../support/temp-folder.ts'

const lab = await startSyncLab()
after(() => lab[Symbol.asyncDispose]())
const { sourceAdmin, targetAdmin } = lab

async function topics(topic: string, partitions = 1): Promise<void> {
  await Promise.all([sourceAdmin.createTopic(topic, partitions), targetAdmin.createTopic(topic, partitions)])
}

async function offset(group: string, topic: string, partition = 0): Promise<bigint | undefined> {
  const found = await targetAdmin.positions(group)
  return found.find((one) => one.topic === topic && one.partition === partition)?.offset
}

test('groups in a hole, on a marker, at the end and before the first copied record stand right', async () => {
  // Source: 0–4 and 10–14 are records, 5–8 a hole, 9 a marker, 15 the marker behind the last. Copied from 2 on, to 100.
  const topic = 'holes'
  await topics(topic)
  await lab.fill('target', topic, numbered(130))
  await lab.map({
    ...{ topic, start: 2n, from: 2n, to: 16n, copyStart: 100n },
    runs: [
      { source: 2n, target: 100n, count: 3 },
      { source: 10n, target: 104n, count: 5 },
    ],
  })
  await lab.fill('source', topic, numbered(16))
  const cases = [
    ['before', 0n, 100n],
    ['first', 2n, 100n],
    ['inside', 4n, 102n],
    ['hole', 6n, 104n],
    ['marker', 9n, 104n],
    ['last', 14n, 108n],
    ['end', 15n, 109n],
    ['behind-marker', 16n, 109n],
  ] as const
  for (const [group, position] of cases) await sourceAdmin.commit(`at-${group}`, topic, 0, position)
  await lab.sync({ groups: ['at-*'] })
  for (const [group, , target] of cases) assert.equal(await offset(`at-${group}`, topic), target, group)
})

test('empty and fully expired partitions get a position', async () => {
  const topic = 'nothing'
  await topics(topic, 2)
  await lab.fill('target', topic, numbered(6), 0)
  await lab.fill('target', topic, numbered(4), 1)
  await lab.fill('source', topic, numbered(50), 1)
  await sourceAdmin.deleteRecords(topic, 1, 50n)
  await lab.map({ topic, partition: 0, to: 0n, copyStart: 6n, runs: [] })
  await lab.map({ topic, partition: 1, start: 50n, from: 50n, to: 50n, copyStart: 4n, runs: [] })
  await sourceAdmin.commit('empties', topic, 0, 0n)
  await sourceAdmin.commit('empties', topic, 1, 37n)
  await lab.sync({ groups: ['empties'] })
  assert.equal(await offset('empties', topic, 0), 6n)
  assert.equal(await offset('empties', topic, 1), 4n)
})

test('a position ahead of the copy waits for it, also when nothing is copied yet', async () => {
  const topic = 'behind'
  await topics(topic)
  await lab.fill('source', topic, numbered(20))
  await lab.fill('target', topic, numbered(20))
  await sourceAdmin.commit('ahead', topic, 0, 12n)
  await lab.map({ topic, to: 0n, runs: [] })
  const waiting = await lab.sync({ groups: ['ahead'] })
  assert.equal(waiting.last?.outcomes[0]?.decision.cause, 'ahead-of-copy')
  await lab.map({ topic, to: 10n, runs: [{ source: 0n, target: 0n, count: 10 }] })
  await lab.sync({ groups: ['ahead'] })
  assert.equal(await offset('ahead', topic), undefined)
  await lab.map({ topic, from: 10n, to: 20n, runs: [{ source: 10n, target: 10n, count: 10 }] })
  await lab.sync({ groups: ['ahead'] })
  assert.equal(await offset('ahead', topic), 12n)
})

test('a position below what the map still knows is not set, and told', async () => {
  const topic = 'trimmed'
  await topics(topic)
  await lab.fill('target', topic, numbered(30))
  await lab.map({ topic, start: 0n, from: 10n, to: 30n, runs: [{ source: 10n, target: 10n, count: 20 }] })
  await sourceAdmin.commit('too-old', topic, 0, 3n)
  const told = keptTelemetry()
  const report = await lab.sync({ groups: ['too-old'] }, { telemetry: told })
  assert.equal(report.last?.outcomes[0]?.decision.cause, 'unmapped')
  assert.equal(await offset('too-old', topic), undefined)
  assert.ok(told.lines.some((line) => line.startsWith('warn') && line.includes('complete from 10')))
})

test('a map is kept as long as it is to be: positions below what is dropped from memory are not set', async () => {
  const topic = 'kept'
  await topics(topic)
  await lab.fill('target', topic, numbered(30))
  await lab.map({
    ...{ topic, to: 30n },
    runs: [
      { source: 0n, target: 0n, count: 8 },
      { source: 10n, target: 8n, count: 8 },
      { source: 20n, target: 16n, count: 10 },
    ],
  })
  await sourceAdmin.commit('old-mapping', topic, 0, 3n)
  await sourceAdmin.commit('new-mapping', topic, 0, 22n)
  const mapKeeping = { time: 'topic', count: 1, schedule: 0 } as const
  // The first round trims after it has looked.
  const rounds: string[] = []
  const stop = new AbortController()
  await lab.sync(
    { groups: ['new-mapping', 'none'], mapKeeping },
    {
      once: false,
      signal: stop.signal,
      onRound: (report) => {
        rounds.push(String(report.outcomes[0]?.decision.cause))
        if (rounds.length === 2) stop.abort()
      },
    },
  )
  assert.deepEqual(rounds, ['first', 'in-step'])
  const other = new AbortController()
  const causes: string[] = []
  await sourceAdmin.commit('old-mapping', topic, 0, 3n)
  await lab.sync(
    { groups: ['old-mapping'], mapKeeping, onActiveGroup: 'ignore' },
    {
      once: false,
      signal: other.signal,
      onRound: (report) => {
        causes.push(String(report.outcomes[0]?.decision.cause))
        if (causes.length === 2) other.abort()
      },
    },
  )
  assert.deepEqual(causes, ['first', 'unmapped'])
})

test('mappings are dropped by their age, and as often as the schedule says', async () => {
  const ago = (minutes: number) => Date.now() - minutes * 60_000
  for (const [schedule, after] of [
    [0, 'unmapped'],
    [3_600_000, 'in-step'],
  ] as const) {
    const topic = `aged-${schedule}`
    await topics(topic)
    await lab.fill('target', topic, numbered(30))
    await lab.map({ topic, to: 8n, runs: [{ source: 0n, target: 0n, count: 8 }], written: ago(20) })
    // The newest record stays in the map, whatever its age.
    await sourceAdmin.commit(topic, topic, 0, 7n)
    const stop = new AbortController()
    const causes: string[] = []
    const running = lab.sync(
      { groups: [topic], mapKeeping: { time: 60_000, count: 1000, schedule }, pollInterval: 20 },
      {
        once: false,
        signal: stop.signal,
        onRound: (report) => causes.push(String(report.outcomes[0]?.decision.cause)),
      },
    )
    while (!causes.includes('in-step')) await delay(10)
    await lab.map({
      topic,
      from: 8n,
      to: 30n,
      runs: [{ source: 8n, target: 8n, count: 22 }],
      written: ago(10),
    })
    await sourceAdmin.commit(topic, topic, 0, 9n)
    // The first round takes it in; before the next ones it has been trimmed, or not.
    const seen = causes.length
    while (causes.length < seen + 4) await delay(10)
    stop.abort()
    await running
    assert.equal(causes.at(-1), after, causes.join(', '))
  }
})

test('a source topic that was created again is not translated by the map of the old one', async () => {
  const topic = 'again'
  await topics(topic)
  await lab.fill('target', topic, numbered(10))
  await lab.fill('source', topic, numbered(10))
  await lab.map({
    topic,
    to: 10n,
    topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
    runs: [{ source: 0n, target: 0n, count: 10 }],
  })
  await sourceAdmin.commit('renewed', topic, 0, 4n)
  const report = await lab.sync({ groups: ['renewed'] })
  assert.equal(report.last?.outcomes[0]?.decision.cause, 'source-recreated')
  assert.equal(await offset('renewed', topic), undefined)
})

test('a target log that ends before the map leads to is left alone', async () => {
  const topic = 'short'
  await topics(topic)
  await lab.fill('target', topic, numbered(5))
  await lab.map({ topic, to: 50n, runs: [{ source: 0n, target: 0n, count: 50 }] })
  await sourceAdmin.commit('lost', topic, 0, 40n)
  const report = await lab.sync({ groups: ['lost'] })
  assert.equal(report.last?.outcomes[0]?.decision.cause, 'target-changed')
})

test("MirrorMaker 2's own client translates by our checkpoints", async () => {
  const topic = 'mirrored'
  await Promise.all([sourceAdmin.createTopic(topic, 2), targetAdmin.createTopic(`dr.${topic}`, 2)])
  for (const partition of [0, 1]) {
    await lab.fill('target', `dr.${topic}`, numbered(30), partition)
    await lab.map({
      topic,
      partition,
      targetTopic: `dr.${topic}`,
      to: 25n,
      copyStart: 5n,
      runs: [{ source: 0n, target: 5n, count: 25 }],
    })
  }
  await sourceAdmin.commit('mm2-group', topic, 0, 7n)
  await sourceAdmin.commit('mm2-group', topic, 1, 20n, 'kept')
  await lab.sync({ groups: ['mm2-group'], mm2Alias: 'primary' })
  await sourceAdmin.commit('mm2-group', topic, 0, 9n)
  await lab.sync({ groups: ['mm2-group'], mm2Alias: 'primary' })
  assert.deepEqual(await mirrorOffsets(lab.target.bootstrap, 'primary', 'mm2-group'), [
    `dr.${topic}/0@14 `,
    `dr.${topic}/1@25 kept`,
  ])
})

test("positions are read from MirrorMaker 2's own topics, and written as kmap takes them", async () => {
  const topic = 'moved-over'
  await targetAdmin.createTopic('old.checkpoints.internal', 1, { 'cleanup.policy': 'compact' })
  await targetAdmin.createTopic('mm2-offset-syncs.dr.internal', 1, { 'cleanup.policy': 'compact' })
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.target.bootstrap })
  for (const offset of [3n, 8n]) {
    const checkpoint = { group: 'mover', topic, partition: 0, upstreamOffset: 5n, offset, metadata: '' }
    producer.send({ topic: 'old.checkpoints.internal', partition: 0, ...encodeCheckpoint(checkpoint) })
  }
  const key = Buffer.from(`000a${Buffer.from(topic).toString('hex')}00000000`, 'hex')
  const value = Buffer.from('00000000000000050000000000000008', 'hex')
  producer.send({ topic: 'mm2-offset-syncs.dr.internal', partition: 0, key, value })
  await producer.flush()
  await using folder = await tempFolder('mirror')
  const at = ['--bootstrap-servers', lab.target.bootstrap, '-o', 'json']
  const file = join(folder.path, 'positions.json')
  const read = await cli(['mirror-positions', '--source-alias', 'old', '--output', file, ...at])
  assert.deepEqual(JSON.parse(read), {
    source_alias: 'old',
    positions: [{ group: 'mover', topic, partition: 0, source_offset: 5, target_offset: 8, metadata: '' }],
  })
  const { file: saved } = offsetsFromJson(await readFile(file, 'utf8'), file)
  assert.equal(saved.groups[0]?.topics.get(topic)?.[0]?.offset, 8n)
  const syncs = await cli(['mirror-positions', '--offset-syncs', 'mm2-offset-syncs.dr.internal', ...at])
  assert.deepEqual(JSON.parse(syncs).syncs, [{ topic, partition: 0, source_offset: 5, target_offset: 8 }])
  const none = await runCli(['mirror-positions', '--source-alias', 'unknown', ...at])
  assert.equal(none.status, 2)
})

test('captured positions are translated by the map in a topic', async () => {
  const topic = 'captured'
  await topics(topic)
  await lab.fill('source', topic, numbered(10))
  await lab.fill('target', topic, numbered(15))
  await sourceAdmin.commit('captured-group', topic, 0, 4n)
  await lab.map({ topic, to: 10n, copyStart: 5n, runs: [{ source: 0n, target: 5n, count: 10 }] })
  await using folder = await tempFolder('captured')
  const config = join(folder.path, 'backup.yaml')
  await writeFile(
    config,
    stringify({
      mode: 'backup',
      backup_id: 'b',
      source: { bootstrap_servers: [lab.source.bootstrap], topics: { include: [topic] } },
      storage: { backend: 'filesystem', path: folder.path },
      backup: { consumer_group_snapshot: true },
    }),
  )
  await cli(['backup', '-c', config])
  const args = ['-p', folder.path, '-b', 'b', '-g', 'captured-group', '--strategy', 'from-mapping']
  const target = ['--bootstrap-servers', lab.target.bootstrap, '--mapping-topic', mapTopic]
  await cli(['offset-reset', 'execute', ...args, ...target], { cwd: folder.path })
  assert.equal(await offset('captured-group', topic), 9n)
  const wrong = await runCli([
    'offset-reset',
    'plan',
    ...args,
    ...target.slice(0, 2),
    '--mapping-topic',
    'nowhere',
  ])
  assert.equal(wrong.status, 2)
})

test('control topics that are missing or unfit end the program before any work', async () => {
  const rejects = async (
    changes: Parameters<typeof lab.sync>[0],
    code: 'TOPIC_NOT_FOUND' | 'CONFIG_INVALID',
  ) => await assert.rejects(lab.sync(changes), (error) => isTidemarkError(error, code))
  await rejects({ mapTopic: { name: 'not-there', create: undefined } }, 'TOPIC_NOT_FOUND')
  const create = { partitions: 1, replicationFactor: 3, configs: {} }
  await rejects({ mapTopic: { name: 'too-many', create } }, 'CONFIG_INVALID')
  await targetAdmin.createTopic('deleted-by-time', 1)
  await rejects({ controlTopic: { name: 'deleted-by-time', create: undefined } }, 'CONFIG_INVALID')
  await lab.sync({ controlTopic: { name: 'deleted-by-time', create: undefined }, validateTopics: false })
  await lab.sync({ mapTopic: { name: 'made', create: { ...create, replicationFactor: 1 } } })
  assert.ok((await targetAdmin.topics()).includes('made'))
})
