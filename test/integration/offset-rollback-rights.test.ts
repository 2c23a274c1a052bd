import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectCluster } from '../../src/kafka/index.ts'
import { runCli } from '../support/cli.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { allowAlice, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('the documented rights are enough to take, compare and roll back; what is missing is named, and never taken for nothing', async () => {
  await using broker = await startSecuredBroker()
  await using folder = await tempFolder('rights')
  await using admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
  await admin.createTopics([{ name: 'orders', partitions: 2, replicationFactor: 1, configs: {} }])
  const commit = async (partition: number, metadata: string) => {
    const position = { topic: 'orders', partition, offset: 0n, leaderEpoch: -1, metadata }
    assert.deepEqual((await admin.commitPositions('billing', [position])).failed, [])
  }
  const allow = (...rights: readonly string[]) => allowAlice(broker, rights)
  const alice = (action: string, ...flags: readonly string[]) =>
    runCli(
      [
        ...['offset-rollback', action, '--path', folder.path, '--bootstrap-servers', broker.address('SASLP')],
        ...['--security-protocol', 'SASL_PLAINTEXT', '--sasl-mechanism', 'PLAIN', ...flags, '-o', 'json'],
      ],
      { env: { KAFKA_USERNAME: 'alice', KAFKA_PASSWORD: users.alice } },
    )
  const chosen = ['--snapshot-id', 'good']
  await commit(0, 'before')
  const reset = (action: string) =>
    runCli(
      [
        ...[
          'offset-reset',
          action,
          '--groups',
          'billing',
          '--strategy',
          'latest',
          '--snapshot-path',
          folder.path,
        ],
        ...['--bootstrap-servers', broker.address('SASLP'), '--security-protocol', 'SASL_PLAINTEXT'],
        ...['--sasl-mechanism', 'PLAIN', '--topics', 'orders', '-o', 'json'],
      ],
      { env: { KAFKA_USERNAME: 'alice', KAFKA_PASSWORD: users.alice } },
    )
  const unseen = await reset('plan')
  assert.equal(unseen.status, 2, unseen.stderr)
  assert.match(unseen.stderr, /Describe/)

  const blind = errorOf(await alice('snapshot', '--groups', 'billing'), 2, 'AUTHORIZATION_FAILED')
  assert.match(blind.message, /billing/)
  await allow('--operation', 'Describe', '--group', '*', '--operation', 'Describe', '--topic', '*')
  const saved = reportOf<{ positions: number }>(await alice('snapshot', '--groups', 'billing', ...chosen))
  assert.equal(saved.positions, 1)
  reportOf(await alice('verify', ...chosen))
  await commit(0, 'after')
  const refused = await alice('rollback', ...chosen)
  assert.equal(refused.status, 3, refused.stderr)
  assert.match(refused.stderr, /Read/)
  reportOf(await reset('plan'))
  const unset = await reset('execute')
  assert.equal(unset.status, 3, unset.stderr)
  assert.match(unset.stdout, /AUTHORIZATION_FAILED/)
  assert.match(unset.stderr, /Read/)
  await allow('--operation', 'Read', '--group', '*', '--operation', 'Read', '--topic', '*')
  assert.equal(reportOf<{ counts: Record<string, number> }>(await reset('execute')).counts.failed, 0)
  await commit(0, 'after')
  await commit(1, 'added')
  const half = await alice('rollback', ...chosen)
  assert.equal(half.status, 3, half.stderr)
  assert.match(half.stdout, /AUTHORIZATION_FAILED/)
  assert.match(half.stderr, /Delete/)
  await allow('--operation', 'Delete', '--group', '*')
  const done = reportOf<{ counts: Record<string, number> }>(await alice('rollback', ...chosen))
  assert.deepEqual([done.counts.kept, done.counts.deleted], [1, 1])
  reportOf(await alice('verify', ...chosen))
})
