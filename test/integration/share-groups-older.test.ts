import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectCluster } from '../../src/kafka/index.ts'
import { applyPlan, makePlan, readTarget } from '../../src/offsets/index.ts'
import { startCluster } from '../support/brokers.ts'
import { cli } from '../support/cli.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('on brokers without share groups, one is refused before anything is changed, and others go on', async () => {
  await using brokers = await startCluster({ version: '3.9.1' })
  await using cluster = await connectCluster({ bootstrap: [brokers.bootstrap] })
  await cluster.createTopics([{ name: 'orders', partitions: 1, replicationFactor: 1, configs: {} }])
  const { current, logs } = await readTarget(cluster, ['packers', 'readers'], ['orders'])
  const wanted = (['packers', 'readers'] as const).map((group) => ({
    ...{ group, type: group === 'packers' ? 'share' : 'consumer', topic: 'orders', partition: 0, offset: 0n },
    ...{ metadata: null, kind: 'exact', reason: '', reread: 0, from: [] },
  })) as Parameters<typeof makePlan>[0]['wanted']
  const origin = { type: 'backup', backupId: 'b', restoreId: undefined, captured: 0 } as const
  const plan = makePlan({
    clusterId: cluster.clusterId,
    created: 0,
    origin,
    wanted,
    notices: [],
    current,
    logs,
  })
  assert.equal(await cluster.knowsShareOffsets(), false)
  const options = { snapshot: 'none', watchMs: 1 } as const
  await assert.rejects(applyPlan(plan, cluster, options), {
    code: 'UNSUPPORTED_VERSION',
    message: "The brokers cannot set the start offsets of share group 'packers'",
  })
  assert.deepEqual(await cluster.listGroups(), [])
  const report = await applyPlan(plan, cluster, { ...options, onRefusal: 'go-on' })
  assert.deepEqual(
    report.groups.map(({ group, outcome }) => [group, outcome]),
    [
      ['packers', 'refused'],
      ['readers', 'done'],
    ],
  )
  await wholeWay(brokers.bootstrap)
  const shown = await cli(['groups', 'describe', '--bootstrap-servers', brokers.bootstrap])
  assert.match(shown, /Group: readers\n─+\nclassic, Empty, 0 members\n\nTopic/)
  assert.match(shown, /\norders +0 +0 +0-0 +0 +0 ms +yes\n/)
})

/** Every command about positions on brokers of that version; the group ends where it began. */
async function wholeWay(bootstrap: string): Promise<void> {
  await using folder = await tempFolder('older')
  const address = ['--bootstrap-servers', bootstrap, '-g', 'readers']
  const run = (...words: readonly string[]) => cli(words, { cwd: folder.path })
  const snapshots = ['--path', 'snapshots', '--snapshot-id', 'before']
  await run('offset-rollback', 'snapshot', ...snapshots, ...address)
  await run('offset-reset', 'plan', ...address, '--strategy', 'latest', '--output', 'plan.json')
  const named = ['--bootstrap-servers', bootstrap]
  await run('offset-reset', 'execute', '--plan', 'plan.json', '--dry-run', ...named)
  await run('offset-reset', 'execute', '--plan', 'plan.json', ...named)
  await run('offset-reset', 'script', '--plan', 'plan.json', '--output', 'reset.sh', ...named)
  await run('offset-reset-bulk', ...address, '--strategy', 'duration', '--duration', '1h')
  assert.match(await run('offset-rollback', 'rollback', ...snapshots, ...named), /0 failed, 0 refused/)
  assert.match(
    await run('offset-rollback', 'verify', ...snapshots, ...named),
    /^Verified: 1 position of 1 group/,
  )
}
