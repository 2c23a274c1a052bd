import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { runKmap, runProcess } from '../support/kmap.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { hostedToolWrapper, toolWrapper } from '../support/tool-wrapper.ts'

const hostile = [
  'plain',
  'with space',
  '  spaces  around ',
  'slash/in/name',
  'a"double',
  "it's",
  '$(touch pwned)',
  '`touch pwned`',
  '$HOME;*?[a]',
  'back\\slash',
  'comma,"quoted",1',
  '--execute',
  '-x',
  '#hash',
  'größe-日本',
]

type Positions = Readonly<Record<string, Readonly<Record<string, readonly (readonly [number, number])[]>>>>

function offsetsJson(cluster: string, positions: Positions): string {
  const timestamp = '2026-01-20T15:30:04Z'
  return JSON.stringify({
    timestamp,
    cluster,
    consumer_groups: Object.entries(positions).map(([group, topics]) => ({
      group,
      timestamp,
      topics: Object.fromEntries(
        Object.entries(topics).map(([topic, list]) => [
          topic,
          list.map(([partition, offset]) => ({ partition, offset })),
        ]),
      ),
    })),
  })
}

describe('the scripts of kmap, run with the tools of Kafka', { timeout: 600_000 }, () => {
  let source: TestCluster
  let target: TestCluster
  let from: Cluster
  let to: Cluster
  let java: JavaClient
  let folder: Awaited<ReturnType<typeof tempFolder>>
  let groupsTool: string
  let topicsTool: string

  before(async () => {
    folder = await tempFolder('kmap scripts')
    ;[source, target, java] = await Promise.all([startCluster(), startCluster(), startJavaClient()])
    ;[from, to, groupsTool, topicsTool] = await Promise.all([
      connectCluster({ bootstrap: [source.bootstrap] }),
      connectCluster({ bootstrap: [target.bootstrap] }),
      hostedToolWrapper(folder.path, 'groups'),
      hostedToolWrapper(folder.path, 'topics'),
    ])
    const topic = (name: string, partitions: number) => ({
      name,
      partitions,
      replicationFactor: 1,
      configs: {},
    })
    for (const cluster of [from, to]) {
      const made = await cluster.createTopics([topic('orders', 3), topic('pay.ments_eu-1', 2)])
      assert.deepEqual(made.failed, [])
    }
    for (const cluster of [source, target]) {
      const producer = await java.producer({ 'bootstrap.servers': cluster.bootstrap })
      await producer.fill({ topic: 'orders', partitions: 3, count: 500, size: 20 })
      await producer.fill({ topic: 'pay.ments_eu-1', partitions: 2, count: 50, size: 20 })
      await producer.close()
    }
  })
  after(async () => {
    for (const held of [from, to, java, source, target, folder]) await held?.[Symbol.asyncDispose]()
  })

  const kmap = (...args: readonly string[]) => runKmap(args, { cwd: folder.path })

  /** Makes a script from positions and runs it against the target. */
  async function restore(
    name: string,
    positions: Positions,
    {
      args = [],
      env = {},
    }: { readonly args?: readonly string[]; readonly env?: Record<string, string> } = {},
  ) {
    const script = join(folder.path, `${name}.sh`)
    await writeFile(join(folder.path, `${name}.json`), offsetsJson(target.bootstrap, positions))
    const made = await kmap('-offsets-from', `${name}.json`, '-restore-offsets-script', script)
    assert.equal(made.status, 0, made.stderr)
    await runProcess('bash', ['-n', script], { cwd: folder.path })
    return await runProcess(script, args, {
      cwd: folder.path,
      env: { KAFKA_CONSUMER_GROUPS: groupsTool, ...env },
    })
  }

  async function positionsOf(cluster: Cluster, groups: readonly string[]): Promise<Positions> {
    const { done } = await cluster.fetchPositions(groups)
    return Object.fromEntries(
      done
        .filter(({ positions }) => positions.length > 0)
        .map(({ group, positions }) => {
          const topics = Map.groupBy(positions, ({ topic }) => topic)
          const sorted = [...topics].map(([topic, list]): [string, [number, number][]] => [
            topic,
            list
              .map(({ partition, offset }): [number, number] => [partition, Number(offset)])
              .sort(([a], [b]) => a - b),
          ])
          return [group, Object.fromEntries(sorted.sort())]
        }),
    )
  }

  test('no group: the script says so and exits 0', async () => {
    const { status, stdout } = await restore('none', {})
    assert.equal(status, 0, stdout)
    assert.match(stdout, /Groups: {4}0 of 0 restored completely, 0 failed/)
  })

  test('one group is put where it was, in every topic and partition', async () => {
    const wanted = {
      one: {
        orders: [
          [0, 5],
          [1, 500],
          [2, 0],
        ],
        'pay.ments_eu-1': [
          [0, 17],
          [1, 50],
        ],
      },
    } as const
    // With the tool as its distribution starts it.
    const env = { KAFKA_CONSUMER_GROUPS: await toolWrapper(folder.path, 'groups') }
    const { status, stdout, stderr } = await restore('one', wanted, { env })
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /\[1\/1\] one: 5 positions set/)
    assert.deepEqual(await positionsOf(to, ['one']), wanted)
  })

  test('groups of any name that Kafka takes are saved on the source and restored on the target; nothing in a name is run', async () => {
    for (const [index, group] of hostile.entries()) {
      const at = { topic: 'orders', leaderEpoch: -1, metadata: null }
      const { failed } = await from.commitPositions(group, [
        { ...at, partition: 0, offset: BigInt(index + 1) },
        { ...at, partition: 2, offset: 500n - BigInt(index) },
      ])
      assert.deepEqual(failed, [])
    }
    const saved = await kmap(
      ...[
        '-brokers',
        source.bootstrap,
        '-save-offsets',
        'hostile.json',
        '-restore-offsets-script',
        'hostile.sh',
      ],
      ...['-html=', '-output='],
    )
    assert.equal(saved.status, 0, saved.stderr)
    assert.equal(saved.stderr, '')
    const before = await readdir(folder.path)
    const { status, stdout } = await runProcess(join(folder.path, 'hostile.sh'), [], {
      cwd: folder.path,
      env: { KAFKA_CONSUMER_GROUPS: groupsTool, BOOTSTRAP_SERVERS: target.bootstrap, LC_ALL: 'C' },
    })
    assert.equal(status, 0, stdout)
    assert.deepEqual(await positionsOf(to, hostile), await positionsOf(from, hostile))
    assert.deepEqual(await readdir(folder.path), before, 'nothing else was made')
  })

  test('300 groups take a few calls of the tool, not one for each', async () => {
    const groups = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? `bulk ${i}` : `bulk-${i}`))
    const wanted: Positions = Object.fromEntries(
      groups.map((group, i) => [
        group,
        {
          orders: [
            [0, i],
            [1, 500 - i],
            [2, i + 1],
          ] as const,
        },
      ]),
    )
    const calls = join(folder.path, 'calls')
    const counting = join(folder.path, 'counting')
    await writeFile(counting, `#!/bin/bash\necho call >>'${calls}'\nexec '${groupsTool}' "$@"\n`, {
      mode: 0o755,
    })
    const { status, stdout } = await restore('bulk', wanted, { env: { KAFKA_CONSUMER_GROUPS: counting } })
    assert.equal(status, 0, stdout)
    assert.match(stdout, /Groups: {4}300 of 300 restored completely/)
    assert.match(stdout, /Positions: 900 set, 0 failed/)
    assert.ok((await readFile(calls, 'utf8')).split('\n').length <= 12)
    assert.deepEqual(await positionsOf(to, groups), wanted)
  })

  test('the tool of Kafka 3.9 prints all rows on one line: they are read all the same', async () => {
    const old = { KAFKA_CONSUMER_GROUPS: await toolWrapper(folder.path, 'groups', '3.9.1') }
    const wanted: Positions = {
      'old-1': {
        orders: [
          [0, 1],
          [1, 2],
          [2, 3],
        ],
        'pay.ments_eu-1': [
          [0, 4],
          [1, 5],
        ],
      },
      'old-2': { orders: [[0, 6]] },
      'old with blanks': {
        orders: [
          [0, 7],
          [2, 8],
        ],
      },
    }
    const good = await restore('old', wanted, { env: old })
    assert.equal(good.status, 0, good.stdout)
    assert.match(good.stdout, /Positions: 8 set, 0 failed/)
    assert.deepEqual(await positionsOf(to, Object.keys(wanted)), wanted)
    const bad = await restore(
      'older',
      {
        'old-3': {
          orders: [
            [0, 501],
            [1, 2],
          ],
          gone: [[0, 1]],
        },
      },
      { env: old },
    )
    assert.equal(bad.status, 1, bad.stdout)
    assert.match(bad.stdout, /Positions: 1 set, 2 failed/)
    assert.match(bad.stdout, /orders:0 -> 501: offset 501 is out of range/)
    assert.match(bad.stdout, /gone:0 -> 1: the target has no such topic/)
  })

  test('what lies outside the log, and what is not there, fails by name and is never moved; the rest is set; exit 1', async () => {
    const wanted: Positions = {
      beyond: {
        orders: [
          [0, 501],
          [1, 3],
        ],
      },
      fewer: { orders: [[7, 1]], 'pay.ments_eu-1': [[0, 2]] },
      gone: { 'no-such-topic': [[0, 1]], orders: [[2, 4]] },
      fine: { orders: [[0, 9]] },
    }
    const { status, stdout } = await restore('bad', wanted)
    assert.equal(status, 1, stdout)
    assert.match(stdout, /beyond orders:0 -> 501: offset 501 is out of range \(current: 0-500\)/)
    assert.match(stdout, /fewer orders:7 -> 1: the target has no such partition/)
    assert.match(stdout, /gone no-such-topic:0 -> 1: the target has no such topic/)
    assert.match(stdout, /Positions: 4 set, 3 failed/)
    assert.deepEqual(await positionsOf(to, Object.keys(wanted)), {
      beyond: { orders: [[1, 3]] },
      fewer: { 'pay.ments_eu-1': [[0, 2]] },
      gone: { orders: [[2, 4]] },
      fine: { orders: [[0, 9]] },
    })
  })

  test('--force lets the tool move a position to the near end, and says so', async () => {
    const { status, stdout } = await restore(
      'force',
      { forced: { orders: [[0, 9999]] } },
      { args: ['--force'] },
    )
    assert.equal(status, 0, stdout)
    assert.match(stdout, /forced orders:0 was moved from 9999 to 500/)
    assert.deepEqual(await positionsOf(to, ['forced']), { forced: { orders: [[0, 500]] } })
  })

  test('a dry run changes nothing: by argument, by environment, and by the edit that the documentation shows', async () => {
    const wanted: Positions = { dry: { orders: [[0, 7]] } }
    const argument = await restore('dry', wanted, { args: ['--dry-run'] })
    const variable = await restore('dry', wanted, { env: { DRY_RUN: '1' } })
    const script = join(folder.path, 'dry.sh')
    const text = await readFile(script, 'utf8')
    assert.match(text, /--reset-offsets --from-file "\$TEMP_CSV" --execute$/m)
    await writeFile(script, text.replaceAll('--execute', '--dry-run'))
    const edited = await runProcess(script, [], {
      cwd: folder.path,
      env: { KAFKA_CONSUMER_GROUPS: groupsTool },
    })
    for (const { status, stdout } of [argument, variable, edited]) {
      assert.equal(status, 0, stdout)
      assert.match(stdout, /Dry run: nothing is changed/)
      assert.match(stdout, /Positions: 1 would be set, 0 failed/)
    }
    assert.deepEqual(await positionsOf(to, ['dry']), {})
  })

  test('a group with consumers is refused by the tool, which the script says; the others are set; exit 1', async () => {
    const consumer = await runConsumer(target.bootstrap, 'busy')
    try {
      const { status, stdout } = await restore('busy', {
        busy: { orders: [[0, 3]] },
        idle: { orders: [[0, 3]] },
      })
      assert.equal(status, 1, stdout)
      assert.match(
        stdout,
        /busy orders:0 -> 3: Assignments can only be reset if the group 'busy' is inactive/,
      )
      assert.match(stdout, /\[2\/2\] idle: 1 position set/)
    } finally {
      await consumer[Symbol.asyncDispose]()
    }
    assert.deepEqual(await positionsOf(to, ['idle']), { idle: { orders: [[0, 3]] } })
  })

  test('a script without a tool, and one with an unknown argument, exit 2 and say what to do', async () => {
    const missing = await restore(
      'notool',
      { g: { orders: [[0, 1]] } },
      { env: { KAFKA_CONSUMER_GROUPS: '/no/tool' } },
    )
    assert.equal(missing.status, 2)
    assert.match(missing.stderr, /\/no\/tool not found: set KAFKA_CONSUMER_GROUPS/)
    const unknown = await restore('notool', { g: { orders: [[0, 1]] } }, { args: ['--fast'] })
    assert.equal(unknown.status, 2)
    assert.match(unknown.stderr, /Unknown argument: --fast/)
  })

  test('the re-creation script makes the topics with partitions and settings; replicas as far as there are brokers; a second run leaves them', async () => {
    const made = await from.createTopics([
      {
        name: 'settings.v1',
        partitions: 4,
        replicationFactor: 1,
        configs: {
          'cleanup.policy': 'compact,delete',
          'retention.ms': '123456789',
          'min.insync.replicas': '1',
          'follower.replication.throttled.replicas': '*',
        },
      },
    ])
    assert.deepEqual(made.failed, [])
    await kmap('-brokers', source.bootstrap, '-recreate-script', 'recreate.sh', '-output', 'json', '-html=')
    const script = join(folder.path, 'recreate.sh')
    // As a cluster of three brokers would have written it.
    const text = (await readFile(script, 'utf8')).replace(
      /^topic settings\.v1 4 1 /m,
      'topic settings.v1 4 3 ',
    )
    await writeFile(script, text)
    const run = (tool: string) =>
      runProcess(script, [], {
        cwd: folder.path,
        env: { KAFKA_TOPICS: tool, BOOTSTRAP_SERVERS: target.bootstrap },
      })
    const first = await run(topicsTool)
    assert.equal(first.status, 0, first.stdout + first.stderr)
    assert.match(first.stdout, /settings\.v1 \.\.\. created: 4 partitions, 1 replica$/m)
    assert.match(first.stdout, /note: the target has 1 broker: topics get that many replicas/)
    assert.match(first.stdout, /Topics: 1 of 3 created, 2 existed, 0 failed/)
    const [topic] = await to.topics(['settings.v1'])
    assert.equal(topic?.partitions.length, 4)
    const configs = (await to.topicConfigs(['settings.v1'])).get('settings.v1') ?? []
    assert.deepEqual(
      Object.fromEntries(
        configs.filter(({ source }) => source === 'topic').map(({ name, value }) => [name, value]),
      ),
      { 'cleanup.policy': 'compact,delete', 'retention.ms': '123456789', 'min.insync.replicas': '1' },
    )
    // With the tool as its distribution starts it.
    const second = await run(await toolWrapper(folder.path, 'topics'))
    assert.equal(second.status, 0, second.stdout)
    assert.match(second.stdout, /Topics: 0 of 3 created, 3 existed, 0 failed/)
  })

  test('topics with fewer partitions, and settings that the target does not know, are told', async () => {
    const script = join(folder.path, 'recreate.sh')
    const text = await readFile(script, 'utf8')
    await writeFile(
      script,
      text
        .replace(/^topic orders 3 /m, 'topic orders 5 ')
        .replace(/^topic settings\.v1 /m, 'topic new.topic ')
        .replace('retention.ms=', 'no.such.setting=1 \\\n  retention.ms='),
    )
    const { status, stdout } = await runProcess(script, [], {
      cwd: folder.path,
      env: { KAFKA_TOPICS: topicsTool, BOOTSTRAP_SERVERS: target.bootstrap },
    })
    assert.equal(status, 1, stdout)
    assert.match(stdout, /failed: orders: exists with 3 partitions, the source has 5/)
    assert.match(stdout, /note: new\.topic is without no\.such\.setting, which the target does not know/)
    assert.match(
      await kafkaTool('topics', ['--bootstrap-server', target.bootstrap, '--list']),
      /^new\.topic$/m,
    )
  })

  /** A console consumer that has joined its group. */
  async function runConsumer(bootstrap: string, group: string): Promise<AsyncDisposable> {
    const stop = new AbortController()
    const ended = kafkaTool(
      'consoleConsumer',
      ['--bootstrap-server', bootstrap, '--topic', 'orders', '--group', group],
      { signal: stop.signal },
    ).catch(() => {})
    for (;;) {
      const listed = (await to.listGroups()).filter((one) => one.group === group && one.state === 'Stable')
      if (listed.length > 0) break
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    return {
      async [Symbol.asyncDispose]() {
        stop.abort()
        await ended
      },
    }
  }
})
