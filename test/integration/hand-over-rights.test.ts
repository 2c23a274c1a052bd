import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'
import { stringify } from 'yaml'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { encodeMapEntry, encodeMapKey } from '../../src/replicate/index.ts'
import { handOverRecord } from '../../src/replicate/sync/group-record.ts'
import { RecordWriter } from '../../src/replicate/sync/record-writer.ts'
import { TargetMemory } from '../../src/replicate/sync/target-memory.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { until } from '../support/replicated.ts'
import { type SecuredBroker, startSecuredBroker } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/*
 * Commands of a pipeline that are about groups, with the rights that docs/security.md names for each side, and with each of them missing.
 */

type Side = 'source' | 'target'
/** An operation on a kind of resource: `Read topic TOPICS`. */
interface Right {
  readonly side: Side
  readonly operation: string
  readonly kind: 'topic' | 'group' | 'cluster'
  /** As the page names it. */
  readonly name: string
}

const topics = { TOPICS: 'orders', CONTROL: 'control', MAPPING: 'maps' } as const
const records = ['a', 'b', 'c', 'd', 'e', 'f']
const first = 3n

describe('the rights of commands about groups', { timeout: 600_000 }, () => {
  const brokers = new Map<Side, SecuredBroker>()
  const clusters = new Map<Side, Cluster>()
  const admins = new Map<Side, Admin>()
  let folder: Awaited<ReturnType<typeof tempFolder>>
  let page: string
  let principals = 0

  const brokerOf = (side: Side) => must(brokers.get(side))
  const clusterOf = (side: Side) => must(clusters.get(side))
  const file = (name: string) => join(folder.path, name)

  before(async () => {
    page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'security.md'), 'utf8')
    const [source, target, temp] = await Promise.all([
      startSecuredBroker(),
      startSecuredBroker(),
      tempFolder('hand-over-rights'),
    ])
    folder = temp
    brokers.set('source', source).set('target', target)
    for (const [side, broker] of brokers) {
      const plain = broker.address('PLAINTEXT')
      const cluster = await connectCluster({ bootstrap: [plain] })
      clusters.set(side, cluster)
      admins.set(side, new Admin({ clientId: 'acls', bootstrapBrokers: [plain] }))
      await writeFile(file(`${side}.pem`), broker.authority.cert)
      const names = side === 'source' ? [topics.TOPICS] : Object.values(topics)
      const { failed } = await cluster.createTopics(
        names.map((name) => ({
          ...{ name, partitions: 1, replicationFactor: 1 },
          configs: name === topics.CONTROL ? { 'cleanup.policy': 'compact' } : {},
        })),
      )
      assert.deepEqual(failed, [])
      await using writer = new RecordWriter(cluster, topics.TOPICS)
      // On the target the copy begins at 3.
      const foreign = side === 'source' ? [] : ['x', 'y', 'z']
      await writer.write(
        [...foreign, ...records].map((text) => ({ key: Buffer.from(text), value: Buffer.from(text) })),
      )
    }
    await using maps = new RecordWriter(clusterOf('target'), topics.MAPPING)
    const key = { cluster: clusterOf('source').clusterId, topic: topics.TOPICS, partition: 0 }
    const runs = [{ source: 0n, target: first, count: records.length }]
    const entry = {
      pipeline: 'dr',
      topicId: undefined,
      targetTopic: topics.TOPICS,
      ...{
        start: 0n,
        from: 0n,
        to: BigInt(records.length),
        branch: 1,
        revision: 1,
        written: Date.now(),
        events: [],
      },
      targets: [{ partition: 0, copyStart: first, end: first + BigInt(records.length), runs }],
    }
    await maps.write([{ key: encodeMapKey(key), value: encodeMapEntry(entry) }])
    // So that there is something to be read.
    await using control = new RecordWriter(clusterOf('target'), topics.CONTROL)
    await control.write([handOverRecord('dr', 'another', undefined, Date.now())])
  })
  after(async () => {
    for (const admin of admins.values()) await admin.close()
    for (const held of [...clusters.values(), ...brokers.values(), folder])
      await held?.[Symbol.asyncDispose]()
  })

  /** The rights in a row of the table, by side. */
  function rightsOf(command: string): readonly Right[] {
    const line = page.split('\n').find((text) => text.startsWith(`| \`${command}\` |`))
    assert.ok(line, `docs/security.md has no row for ${command}`)
    const [, source = '', target = ''] = /source: (.*); target: (.*)\|/.exec(line) ?? []
    return [
      ['source', source],
      ['target', target],
    ].flatMap(([side = '', text = '']) =>
      [...text.matchAll(/`(--operation [^`]*)`/g)].flatMap(([, right = '']) => {
        const [, kind = '', name = ''] = /--(topic|group|cluster)(?: (\S+))?/.exec(right) ?? []
        return [...right.matchAll(/--operation (\w+)/g)].map(
          ([, operation = '']): Right => ({ side: side as Side, operation, kind: kind as 'topic', name }),
        )
      }),
    )
  }

  /** A pipeline file for a group, of somebody new who has these rights. */
  async function principal(rights: readonly Right[], group: string): Promise<string> {
    const name = `client-${++principals}`
    const connection = async (side: Side) => {
      const broker = brokerOf(side)
      const { cert, key } = broker.authority.issue(name)
      await writeFile(file(`${name}-${side}.pem`), `${key}${cert}`)
      const creations = rights
        .filter((right) => right.side === side)

        .map((right) => ({
          ...{ principal: `User:${name}`, host: '*', permissionType: AclPermissionTypes.ALLOW },
          operation:
            AclOperations[right.operation.replace(/(?<=[a-z])(?=[A-Z])/, '_').toUpperCase() as 'READ'],
          resourceType: ResourceTypes[right.kind.toUpperCase() as 'TOPIC'],
          resourceName: nameOf(right, group),
          resourcePatternType: ResourcePatternTypes.LITERAL,
        }))
      if (creations.length > 0) await must(admins.get(side)).createAcls({ creations })
      return {
        'bootstrap.servers': broker.address('MTLS'),
        'security.protocol': 'SSL',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': file(`${name}-${side}.pem`),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': file(`${side}.pem`),
        'default.api.timeout.ms': '20000',
      }
    }
    const path = file(`${name}.yaml`)
    await writeFile(
      path,
      stringify({
        name: 'dr',
        // The records were written one side after the other.
        features: { keepRecordCreationTimestamp: 'disabled' },
        source: { kafka: { common: await connection('source') } },
        target: { kafka: { common: await connection('target') } },
        coordination: { commit: { topic: topics.CONTROL } },
        offsetMapping: { topic: topics.MAPPING },
        groups: { consumerGroups: [group] },
      }),
    )
    return path
  }

  async function commit(side: Side, group: string, offset: bigint): Promise<void> {
    const at = { topic: topics.TOPICS, partition: 0, offset, leaderEpoch: -1, metadata: '' }
    assert.deepEqual((await clusterOf(side).commitPositions(group, [at])).failed, [])
  }

  /** Positions on both sides, and by what the group was taken out of the sync. */
  async function state(group: string): Promise<readonly unknown[]> {
    const position = async (side: Side) => {
      const [found] = (await clusterOf(side).fetchPositions([group])).done
      return found?.positions.map(({ offset }) => offset)
    }
    await using memory = new TargetMemory(clusterOf('target'), {
      pipeline: 'dr',
      mapTopic: topics.MAPPING,
      controlTopic: topics.CONTROL,
      loadTimeout: 30_000,
    })
    await memory.refresh()
    return [await position('source'), await position('target'), memory.handedOver(group)?.by]
  }

  const program = (...args: readonly string[]) => runCli(args, { cwd: folder.path })
  const commands: Readonly<Record<string, Command>> = {
    'replicate status': {
      run: (path) => program('replicate', 'status', '-f', path),
      partly: ['source Describe group', 'target Describe group'],
    },
    'sync-offsets': {
      run: (path) => program('sync-offsets', '--once', '-f', path),
      partly: ['source Describe group', 'target Read group GROUPS', 'target Read topic TOPICS'],
      // A commit is remembered there only where the application has metadata of its own; how long positions are kept, only said.
      unseen: ['target Write topic CONTROL', 'target DescribeConfigs cluster'],
    },
    failover: { run: (path, group) => program('failover', '--group', group, '-f', path) },
    failback: {
      run: (path, group) => program('failback', '--group', group, '-f', path),
      // The report says that the position was not set.
      partly: ['source Read group'],
    },
  }

  for (const [command, { run, partly = [], unseen = [] }] of Object.entries(commands)) {
    test(`${command}: the rights are enough; without one it is named, and nothing is changed`, async () => {
      const rights = rightsOf(command)
      assert.ok(rights.length > 0)
      const group = groupOf(command)
      await commit('source', group, 2n)
      if (command === 'failback') await commit('target', group, first + 4n)
      const needed = rights.filter((right) => !isImplied(right, rights))
      const poorer = await Promise.all(
        needed.map(
          async (missing) =>
            [
              missing,
              await principal(
                rights.filter((right) => right !== missing),
                group,
              ),
            ] as const,
        ),
      )
      const all = await principal(rights, group)
      await untilAllowed(all, group)
      const before = await state(group)
      for (const [missing, path] of poorer) {
        const text = textOf(missing)
        if (unseen.some((one) => text.startsWith(one))) continue
        const { status, stdout, stderr } = await run(path, group)
        const said = stdout + stderr
        assert.equal(status, partly.some((one) => text.startsWith(one)) ? 3 : 2, `without ${text}: ${said}`)
        const { kind } = missing
        const thing = kind === 'cluster' ? 'the cluster' : `${kind} "${nameOf(missing, group)}"`
        assert.match(said, new RegExp(`no right to (it|${thing})`), `without ${text}`)
        assert.ok(said.includes(thing), `without ${text}: ${said}`)
        assert.deepEqual(await state(group), before, `without ${text}`)
      }
      const { status, stdout, stderr } = await run(all, group)
      assert.equal(status, 0, stdout + stderr)
      if (command !== 'replicate status') assert.notDeepEqual(await state(group), before)
    })
  }

  test('a group that was handed over stays so when a second fail-over fails', async () => {
    const group = groupOf('failover')
    const rights = rightsOf('failover').filter(({ side, operation, kind }) => {
      return !(side === 'target' && operation === 'Read' && kind === 'group')
    })
    const path = await principal(rights, group)
    await commit('source', group, 3n)
    const { status, stderr } = await program('failover', '--group', group, '-f', path)
    assert.equal(status, 2, stderr)
    assert.match(stderr, /AUTHORIZATION_FAILED/)
    assert.deepEqual((await state(group))[2], 'failover')
  })

  /** A broker sees new rights a moment after the controller has answered. */
  async function untilAllowed(path: string, group: string): Promise<void> {
    await until('the rights are known', async () => {
      const { status } = await program('replicate', 'status', '-f', path)
      // Of fewer rights than these the status needs none.
      return status === 0 && (await state(group)).length > 0
    })
  }
})

interface Command {
  run(file: string, group: string): Promise<CliResult>
  /** Exit 3, and the rest is done. */
  readonly partly?: readonly string[]
  /** What it goes without. */
  readonly unseen?: readonly string[]
}

function groupOf(command: string): string {
  return `group-${command.replace(' ', '-')}`
}

function textOf({ side, operation, kind, name }: Right): string {
  return `${side} ${operation} ${kind} ${name}`
}

/** What the page's word means for a group. */
function nameOf({ kind, name }: Right, group: string): string {
  if (kind === 'cluster') return 'kafka-cluster'
  if (kind === 'topic') return topics[name as 'TOPICS']
  return name === 'GROUPS' ? group : name.replace('NAME', 'dr')
}

/** Whether brokers take a right as given with another one. */
function isImplied(right: Right, all: readonly Right[]): boolean {
  const stronger =
    right.operation === 'Describe'
      ? ['Read', 'Write', 'Delete', 'Alter']
      : right.operation === 'DescribeConfigs'
        ? ['AlterConfigs']
        : []
  return all.some(
    ({ side, operation, kind, name }) =>
      stronger.includes(operation) && side === right.side && kind === right.kind && name === right.name,
  )
}

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}
