import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { runCli } from '../support/cli.ts'
import { runKmap } from '../support/kmap.ts'
import { tempFolder } from '../support/temp-folder.ts'

describe('what must not happen in silence', { timeout: 120_000 }, () => {
  let broker: TestCluster
  let cluster: Cluster
  let folder: Awaited<ReturnType<typeof tempFolder>>
  before(async () => {
    ;[broker, folder] = await Promise.all([startCluster(), tempFolder('kmap hostile')])
    cluster = await connectCluster({ bootstrap: [broker.bootstrap] })
    const topic = { name: 'orders', partitions: 2, replicationFactor: 1, configs: {} }
    assert.deepEqual((await cluster.createTopics([topic])).failed, [])
  })
  after(async () => {
    for (const held of [cluster, broker, folder]) await held?.[Symbol.asyncDispose]()
  })

  const quiet = ['-output=', '-html=']
  const file = (name: string) => join(folder.path, name)
  const kmap = (...args: readonly string[]) =>
    runKmap(['-brokers', broker.bootstrap, ...args], { cwd: folder.path })
  const groups = (...args: readonly string[]) =>
    runCli(['groups', ...args, '--bootstrap-servers', broker.bootstrap], { cwd: folder.path })
  const all = ['a', 'b', 'c d']

  async function held(): Promise<Readonly<Record<string, number>>> {
    const { done } = await cluster.fetchPositions(all)
    return Object.fromEntries(done.map(({ group, positions }) => [group, positions.length]))
  }

  test('a cluster without positions makes an empty file with a warning, and never replaces one that holds some', async () => {
    const fresh = await kmap('-save-offsets', 'fresh.json', ...quiet)
    assert.equal(fresh.status, 0, fresh.stderr)
    assert.match(fresh.stderr, /warn: No group has positions\. Check address and rights/)
    const good = JSON.stringify({
      timestamp: '2026-01-20T15:30:04Z',
      consumer_groups: [{ group: 'a', topics: { orders: [{ partition: 0, offset: 1 }] } }],
    })
    await writeFile(file('good.json'), good)
    const refused = await kmap('-save-offsets', 'good.json', ...quiet)
    assert.equal(refused.status, 4, refused.stderr)
    assert.match(refused.stderr, /good\.json holds those of 1 group: it is left as it is \[SNAPSHOT_EMPTY\]/)
    assert.equal(await readFile(file('good.json'), 'utf8'), good)
  })

  test('groups that are named and have no positions are named, and the others saved; none at all is an error', async () => {
    for (const group of all) {
      const at = [0, 1].map((partition) => ({
        topic: 'orders',
        partition,
        offset: 0n,
        leaderEpoch: -1,
        metadata: null,
      }))
      assert.deepEqual((await cluster.commitPositions(group, at)).failed, [])
    }
    const partly = await kmap('-save-offsets', 'partly.json', '-groups', 'a,nosuch', ...quiet)
    assert.equal(partly.status, 3, partly.stderr)
    assert.match(partly.stderr, /error: The group nosuch has no positions/)
    assert.match(partly.stdout, /partly\.json: 1 group, 2 positions/)
    for (const pattern of ['nosuch', 'x*']) {
      const none = await kmap('-save-offsets', 'none.json', '-groups', pattern, ...quiet)
      assert.equal(none.status, 2, none.stderr)
      assert.match(none.stderr, /GROUP_NOT_FOUND/)
    }
    assert.ok(!existsSync(file('none.json')))
    const restored = await kmap('-restore-offsets', 'partly.json', '-groups', 'a,b', '-dry-run')
    assert.equal(restored.status, 2, restored.stderr)
    assert.match(restored.stderr, /'b' is not in partly\.json/)
  })

  test('an empty choice of groups, as of a variable that is not set, changes and shows nothing', async () => {
    await writeFile(file('rows.csv'), 'a,orders,0,0\n')
    const lines = [
      ['delete-offsets', '--groups', '', '--all-topics'],
      ['delete-offsets', '--groups', ' , ', '--topic', 'orders'],
      ['import', 'rows.csv', '--groups', ''],
      ['export', '--groups', ''],
      ['list', '--groups', ''],
      ['describe', '--groups', 'a', '--groups', ''],
      ['hold', '--groups', ','],
    ]
    for (const line of lines) {
      const { status, stdout, stderr } = await groups(...line)
      assert.equal(status, 2, `${line.join(' ')}\n${stdout}${stderr}`)
      assert.match(stderr, /--groups names nothing.*\[USAGE\]/)
    }
    await kmap('-save-offsets', 'all.json', ...quiet)
    const restore = await kmap('-restore-offsets', 'all.json', '-groups', '')
    assert.match(restore.stderr, /-groups names nothing.*\[USAGE\]/)
    const rollback = await runCli(
      [
        'offset-rollback',
        'rollback',
        '--snapshot',
        'x.json',
        '--groups',
        '',
        '--bootstrap-servers',
        broker.bootstrap,
      ],
      { cwd: folder.path },
    )
    assert.equal(rollback.status, 2, rollback.stderr)
    assert.deepEqual(await held(), { a: 2, b: 2, 'c d': 2 })
  })

  test('a group with an empty name and a state that is none are mistakes', async () => {
    const copied = await groups('copy', 'a', '')
    assert.match(copied.stderr, /The name of a group is empty \[USAGE\]/)
    const state = await groups('list', '--state', 'stabel')
    assert.equal(state.status, 2)
    assert.match(state.stderr, /"stabel" is no state of a group \[USAGE\]\n {2}hint: Did you mean Stable\?/)
    const listed = await groups('list', '--state', 'EMPTY,stable', '-o', 'json')
    assert.equal(JSON.parse(listed.stdout).groups.length, 3)
    const there = await groups('copy', 'a', 'b', '--topic', 'orders:0')
    assert.match(there.stderr, /'b' has 2 positions already/)
  })
})
