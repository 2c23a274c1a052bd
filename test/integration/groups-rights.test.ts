import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectCluster } from '../../src/kafka/index.ts'
import { runCli } from '../support/cli.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { allowAlice, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('the documented rights are enough for groups of both kinds; what is missing is named with what it is for', async () => {
  await using broker = await startSecuredBroker()
  await using folder = await tempFolder('rights')
  await using admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
  await admin.createTopics([{ name: 'orders', partitions: 2, replicationFactor: 1, configs: {} }])
  const at = (partition: number) => ({
    topic: 'orders',
    partition,
    offset: 0n,
    leaderEpoch: -1,
    metadata: 'm',
  })
  const both = [at(0), at(1)]
  assert.deepEqual((await admin.commitPositions('billing', both)).failed, [])
  assert.deepEqual((await admin.commitPositions('packers', both, { share: true })).failed, [])
  const allow = (...rights: readonly string[]) => allowAlice(broker, rights)
  const alice = (action: string, ...args: readonly string[]) =>
    runCli(
      [
        ...['groups', action, ...args, '--bootstrap-servers', broker.address('SASLP'), '-o', 'json'],
        ...['--security-protocol', 'SASL_PLAINTEXT', '--sasl-mechanism', 'PLAIN'],
      ],
      { env: { KAFKA_USERNAME: 'alice', KAFKA_PASSWORD: users.alice }, cwd: folder.path },
    )
  const denied = (result: Awaited<ReturnType<typeof alice>>) => errorOf(result, 2, 'AUTHORIZATION_FAILED')

  const blind = denied(await alice('describe', '--groups', 'billing'))
  assert.match(`${blind.message} ${blind.hint}`, /"billing".*Describe/)
  await allow('--operation', 'Describe', '--group', '*', '--operation', 'Describe', '--topic', '*')
  const listed = reportOf<{ groups: { group: string; positions: number }[] }>(await alice('list'))
  assert.deepEqual(
    listed.groups.map(({ group, positions }) => [group, positions]),
    [
      ['billing', 2],
      ['packers', 2],
    ],
  )
  const copies = [
    ['billing', 'billing-2'],
    ['packers', 'packers-2'],
  ] as const
  for (const [from, to] of copies) {
    const refused = await alice('copy', from, to)
    assert.equal(refused.status, 3, refused.stderr)
    assert.match(refused.stderr, /operation Read on group/)
  }
  await allow('--operation', 'Read', '--group', '*', '--operation', 'Read', '--topic', '*')
  for (const [from, to] of copies) reportOf(await alice('copy', from, to))
  for (const [, group] of copies) {
    const refused = await alice('delete-offsets', '--groups', group, '--all-topics')
    assert.equal(refused.status, 3, refused.stderr)
    assert.match(refused.stderr, /operation Delete on group/)
  }
  await allow('--operation', 'Delete', '--group', '*')
  for (const [, group] of copies) reportOf(await alice('rename', group, `${group}-new`))
  const now = (await admin.listGroups()).map(({ group }) => group)
  assert.deepEqual(now, ['billing', 'billing-2-new', 'packers', 'packers-2-new'])
})
