import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { guardOf } from '../../src/replicate/index.ts'
import { keptTelemetry, numbered, startSyncLab } from '../support/sync-lab.ts'

const lab = await startSyncLab()
after(() => lab[Symbol.asyncDispose]())
const { sourceAdmin, targetAdmin } = lab

/** A topic on both sides, `count` records each; the target has 3 records of somebody else before them. */
async function copied(topic: string, count = 20): Promise<void> {
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  await lab.fill('source', topic, numbered(count))
  await lab.fill('target', topic, [...numbered(3, 'foreign-'), ...numbered(count)])
  await lab.map({ topic, to: BigInt(count), copyStart: 3n, runs: [{ source: 0n, target: 3n, count }] })
}

/** The position of a group on the target in a topic of one partition. */
async function position(group: string, topic: string) {
  return (await targetAdmin.positions(group)).find((one) => one.topic === topic)
}

test('a group gets the translated position, with a guard; groups that are not chosen get none', async () => {
  await copied('plain')
  await sourceAdmin.commit('app', 'plain', 0, 7n)
  await sourceAdmin.commit('other', 'plain', 0, 7n)
  const report = await lab.sync({ groups: ['~^ap+$'] })
  assert.equal(report.committed, 1)
  const now = await position('app', 'plain')
  assert.equal(now?.offset, 10n)
  assert.deepEqual(guardOf('k2k_', now?.metadata ?? ''), {
    version: 1n,
    from: { topic: 'plain', partition: 0, offset: 7n },
  })
  assert.deepEqual(await targetAdmin.positions('other'), [])
  const [record] = await lab.java.read(lab.target.bootstrap, 'plain', 0, { from: 10n, max: 1 })
  assert.equal(record?.value?.toString(), '7')
})

test('the next round follows, and does not commit what stands where it should', async () => {
  await copied('follow')
  await sourceAdmin.commit('follower', 'follow', 0, 3n)
  const groups = { groups: ['follower'] }
  await lab.sync(groups)
  const before = await position('follower', 'follow')
  await sourceAdmin.commit('follower', 'follow', 0, 20n)
  await lab.sync(groups)
  assert.equal(before?.offset, 6n)
  assert.equal((await position('follower', 'follow'))?.offset, 23n)
})

test('a position never goes back, unless rewinds are followed', async () => {
  await copied('back')
  await sourceAdmin.commit('rewound', 'back', 0, 15n)
  const groups = { groups: ['rewound'] }
  await lab.sync(groups)
  await sourceAdmin.commit('rewound', 'back', 0, 2n)
  const told = keptTelemetry()
  await lab.sync(groups, { telemetry: told })
  assert.equal((await position('rewound', 'back'))?.offset, 18n)
  assert.ok(told.lines.some((line) => line.startsWith('warn') && line.includes('backwards')))
  assert.equal(told.counts.get('positions_skipped backwards'), 1)
  await lab.sync({ ...groups, followRewinds: true })
  assert.equal((await position('rewound', 'back'))?.offset, 5n)
})

test("the application's own commits on the target stay, unless they are overridden or the guard is off", async () => {
  await copied('own')
  await targetAdmin.commit('independent', 'own', 0, 4n, '')
  await sourceAdmin.commit('independent', 'own', 0, 9n)
  const groups = { groups: ['independent'] }
  const first = await lab.sync(groups)
  assert.equal(first.committed, 0)
  assert.equal(first.last?.outcomes[0]?.decision.cause, 'own-commit')
  assert.equal((await position('independent', 'own'))?.offset, 4n)
  await lab.sync({ ...groups, overrideOwn: true })
  assert.equal((await position('independent', 'own'))?.offset, 12n)
  // It takes over again: the guard is gone with its commit.
  await targetAdmin.commit('independent', 'own', 0, 13n, '')
  await sourceAdmin.commit('independent', 'own', 0, 19n)
  assert.equal((await lab.sync(groups)).committed, 0)
  await lab.sync({ ...groups, guarded: false })
  assert.equal((await position('independent', 'own'))?.offset, 22n)
})

test('an older mapping never goes over a newer one', async () => {
  await copied('versions')
  await sourceAdmin.commit('late', 'versions', 0, 5n)
  await targetAdmin.commit('late', 'versions', 0, 6n, 'k2k_1000')
  const groups = { groups: ['late'] }
  const report = await lab.sync(groups)
  assert.equal(report.last?.outcomes[0]?.decision.cause, 'newer-mapping')
  assert.equal((await position('late', 'versions'))?.offset, 6n)
  await lab.map({ topic: 'versions', from: 20n, to: 20n, copyStart: 3n, end: 23n, runs: [], revision: 1001 })
  await lab.sync(groups)
  assert.equal((await position('late', 'versions'))?.offset, 8n)
})

test('metadata of the application arrives untouched, guarded by the control topic', async () => {
  await copied('streams')
  await sourceAdmin.commit('streams-app', 'streams', 0, 5n, 'AQAAAYx')
  const groups = { groups: ['streams-app'] }
  await lab.sync(groups)
  assert.deepEqual(await position('streams-app', 'streams'), {
    topic: 'streams',
    partition: 0,
    offset: 8n,
    metadata: 'AQAAAYx',
  })
  // Known as ours by what the control topic remembers, so that it is followed.
  await sourceAdmin.commit('streams-app', 'streams', 0, 6n, 'AQAAAYy')
  await lab.sync(groups)
  assert.equal((await position('streams-app', 'streams'))?.metadata, 'AQAAAYy')
  assert.equal((await position('streams-app', 'streams'))?.offset, 9n)
  // And a commit of the application itself, which also carries metadata, is not.
  await targetAdmin.commit('streams-app', 'streams', 0, 11n, 'AQAAAYz')
  await sourceAdmin.commit('streams-app', 'streams', 0, 12n, 'AQAAAZa')
  const report = await lab.sync(groups)
  assert.equal(report.last?.outcomes[0]?.decision.cause, 'own-commit')
  assert.equal((await position('streams-app', 'streams'))?.offset, 11n)
})

test('a group with members on the target ends the program, or is left alone, as configured', async () => {
  await copied('members')
  await sourceAdmin.commit('busy', 'members', 0, 5n)
  await sourceAdmin.commit('idle', 'members', 0, 5n)
  {
    await using _ = await targetAdmin.join('busy', 'members', 'member-1')
    const groups = { groups: ['busy', 'idle'] }
    await assert.rejects(lab.sync(groups), (error) => isTidemarkError(error, 'GROUP_ACTIVE'))
    assert.equal((await position('idle', 'members'))?.offset, 8n, 'the others are set first')
    const report = await lab.sync({ ...groups, onActiveGroup: 'ignore' })
    assert.equal(report.last?.outcomes.find(({ group }) => group === 'busy')?.decision.cause, 'active')
    assert.deepEqual(await targetAdmin.positions('busy'), [])
  }
  await lab.sync({ groups: ['busy'] })
  assert.equal((await position('busy', 'members'))?.offset, 8n)
})

test('two mappings of a partition end the program, or the lower target offset counts, as configured', async () => {
  await copied('twice', 10)
  await lab.fill('target', 'twice', numbered(10))
  await lab.map({
    ...{ topic: 'twice', pipeline: 'second', to: 10n, copyStart: 13n },
    runs: [{ source: 0n, target: 13n, count: 10 }],
  })
  await sourceAdmin.commit('doubly', 'twice', 0, 4n)
  const groups = { groups: ['doubly'] }
  await assert.rejects(lab.sync(groups), (error) => isTidemarkError(error, 'MAPPING_CONFLICT'))
  assert.deepEqual(await targetAdmin.positions('doubly'), [])
  await lab.sync({ ...groups, onMultipleMappings: 'ignore' })
  assert.equal((await position('doubly', 'twice'))?.offset, 7n)
})
