import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { runCli } from '../support/cli.ts'
import { startJavaClient } from '../support/java-client.ts'
import { backupFile, restoreFile } from '../support/job-files.ts'
import { type ProcessResult, runKmap } from '../support/kmap.ts'
import { type SecuredBroker, startSecuredBroker } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** A right as `kafka-acls` and error messages name it: `Read topic`. */
type Right = `${string} ${'topic' | 'group' | 'cluster'}`

/** A command line of a client that is known by its certificate alone. */
interface Client {
  /** Name of its own, for groups and files. */
  readonly name: string
  kmap(...args: readonly string[]): Promise<ProcessResult>
  backup(...args: readonly string[]): Promise<ProcessResult>
  /** Keys of `security` in a YAML file. */
  readonly security: Readonly<Record<string, string>>
}

/** Whether brokers take a right as given with another one. */
function isImplied(right: Right, all: readonly Right[]): boolean {
  const [operation, resource] = right.split(' ')
  const stronger =
    operation === 'Describe'
      ? ['Read', 'Write', 'Delete', 'Alter']
      : operation === 'DescribeConfigs'
        ? ['AlterConfigs']
        : []
  return stronger.some((one) => all.includes(`${one} ${resource}` as Right))
}

/** Rows of docs/security.md, and the command that they are for. */
interface Command {
  readonly rows: readonly string[]
  /** What nothing shows to be missing: brokers leave such things out, or the answer is as good without. */
  readonly unseen?: readonly Right[]
  readonly run: (client: Client) => Promise<ProcessResult>
}

describe('the rights in docs/security.md', { timeout: 300_000 }, () => {
  let broker: SecuredBroker
  let cluster: Cluster
  let acls: Admin
  let folder: Awaited<ReturnType<typeof tempFolder>>
  let page: string
  let clients = 0

  before(async () => {
    ;[broker, folder] = await Promise.all([startSecuredBroker(), tempFolder('rights')])
    page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'security.md'), 'utf8')
    cluster = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
    acls = new Admin({ clientId: 'acls', bootstrapBrokers: [broker.address('PLAINTEXT')] })
    const topic = { name: 'orders', partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '-1' } }
    assert.deepEqual((await cluster.createTopics([topic])).failed, [])
    await writeFile(file('ca.pem'), broker.authority.cert)
    const client = await startJavaClient()
    const producer = await client.producer({ 'bootstrap.servers': broker.address('PLAINTEXT') })
    await producer.fill({ topic: 'orders', partitions: 2, count: 10, size: 20 })
    await producer.close()
    await client[Symbol.asyncDispose]()
    await commit('billing')
    const positions = { orders: [0, 1].map((partition) => ({ partition, offset: 0 })) }
    const timestamp = '2026-01-20T15:30:04Z'
    const groups = [{ group: 'restored', topics: positions, timestamp }]
    await writeFile(
      file('saved.json'),
      JSON.stringify({ timestamp, cluster: 'source', consumer_groups: groups }),
    )
    const job = {
      backupId: 'archived',
      bootstrap: broker.address('PLAINTEXT'),
      topics: ['orders'],
      path: file('archive'),
    }
    const made = await runCli([
      'backup',
      '-c',
      await backupFile(folder.path, { ...job, backup: { consumer_group_snapshot: true } }),
    ])
    assert.equal(made.status, 0, made.stderr)
  })
  after(async () => {
    await acls?.close()
    for (const held of [cluster, broker, folder]) await held?.[Symbol.asyncDispose]()
  })

  const file = (name: string) => join(folder.path, name)

  async function commit(group: string): Promise<void> {
    const at = [0, 1].map((partition) => ({
      topic: 'orders',
      partition,
      offset: 0n,
      leaderEpoch: -1,
      metadata: 'm',
    }))
    assert.deepEqual((await cluster.commitPositions(group, at)).failed, [])
  }

  /** The rights in a row of a table. */
  function rightsOf(row: string): readonly Right[] {
    const line = page.split('\n').find((text) => text.startsWith(`| ${row} |`))
    assert.ok(line, `docs/security.md has no row for ${row}`)
    return [...line.matchAll(/`(--operation [^`]*)`/g)].flatMap(([, text = '']) => {
      const resource = /--(topic|group|cluster)/.exec(text)?.[1] as 'topic'
      return [...text.matchAll(/--operation (\w+)/g)].map(
        ([, operation]): Right => `${operation} ${resource}`,
      )
    })
  }

  /** A principal with these rights on everything of their kind, and its certificate. */
  async function client(rights: readonly Right[]): Promise<Client> {
    const name = `client-${++clients}`
    const { cert, key } = broker.authority.issue(name)
    await writeFile(file(`${name}.pem`), cert)
    await writeFile(file(`${name}.key`), key)
    const creations = rights.map((right) => {
      const [operation = '', resource = ''] = right.split(' ')
      return {
        ...{ principal: `User:${name}`, host: '*', permissionType: AclPermissionTypes.ALLOW },
        operation: AclOperations[operation.replace(/(?<=[a-z])(?=[A-Z])/, '_').toUpperCase() as 'READ'],
        resourceType: ResourceTypes[resource.toUpperCase() as 'TOPIC'],
        resourceName: resource === 'cluster' ? 'kafka-cluster' : '*',
        resourcePatternType: ResourcePatternTypes.LITERAL,
      }
    })
    if (creations.length > 0) await acls.createAcls({ creations })
    const own = [file('ca.pem'), file(`${name}.pem`), file(`${name}.key`)] as const
    const [ca, certificate, secret] = own
    const at = broker.address('MTLS')
    const flags = ['-brokers', at, '-tls-ca', ca, '-tls-cert', certificate, '-tls-key', secret]
    const server = [
      ...['--bootstrap-servers', at, '--security-protocol', 'SSL', '--ssl-ca-location', ca],
      ...['--ssl-certificate-location', certificate, '--ssl-key-location', secret],
    ]
    return {
      name,
      kmap: (...args) => runKmap([...flags, ...args], { cwd: folder.path }),
      backup: (...args) => runCli([...args, ...server], { cwd: folder.path }),
      security: {
        ...{ security_protocol: 'SSL', ssl_ca_location: ca },
        ...{ ssl_certificate_location: certificate, ssl_key_location: secret },
      },
    }
  }

  const quiet = ['-output=', '-html=']
  const commands: Readonly<Record<string, Command>> = {
    'kmap -save-offsets': {
      rows: ['saving positions'],
      unseen: ['Describe topic'],
      run: ({ name, kmap }) => kmap('-save-offsets', `${name}.json`, '-groups', 'billing', ...quiet),
    },
    'kmap -save-offsets -timestamps': {
      rows: ['saving positions', '`-timestamps`'],
      run: ({ name, kmap }) =>
        kmap('-save-offsets', `${name}.json`, '-groups', 'billing', '-timestamps', ...quiet),
    },
    'kmap, the report': {
      rows: ['saving positions', 'the report, the re-creation script'],
      unseen: ['Describe group', 'Describe topic'],
      run: ({ name, kmap }) => kmap('-output', `${name}.json`, '-html='),
    },
    'kmap -topic-sizes': { rows: ['`-topic-sizes`'], run: ({ kmap }) => kmap('-topic-sizes') },
    'kmap -restore-offsets': {
      rows: ['`-restore-offsets`, the restore script'],
      run: ({ name, kmap }) => kmap('-restore-offsets', 'saved.json', '-snapshot-path', file(`snap-${name}`)),
    },
    'groups list': {
      rows: ['`list`, `export`'],
      unseen: ['Describe topic'],
      run: ({ backup }) => backup('groups', 'list', '-g', 'billing'),
    },
    'groups export': {
      rows: ['`list`, `export`'],
      unseen: ['Describe topic'],
      run: ({ backup }) => backup('groups', 'export', '-g', 'billing'),
    },
    'groups describe': {
      rows: ['`list`, `export`', '`describe`'],
      run: ({ backup }) => backup('groups', 'describe', '-g', 'billing'),
    },
    'groups copy': {
      rows: ['`copy`, `import`, `hold`'],
      run: ({ name, backup }) => backup('groups', 'copy', 'billing', `copy-${name}`, '--no-snapshot'),
    },
    'groups delete-offsets': {
      rows: ['`copy`, `import`, `hold`', '`rename`, `delete-offsets`'],
      unseen: ['Read group'],
      run: async ({ name, backup }) => {
        await commit(`del-${name}`)
        return await backup('groups', 'delete-offsets', '-g', `del-${name}`, '--all-topics', '--no-snapshot')
      },
    },
    'offset-reset execute': {
      rows: ['`offset-reset`, `offset-reset-bulk`'],
      unseen: ['DescribeConfigs cluster'],
      run: async ({ name, backup }) => {
        await commit(`reset-${name}`)
        const what = ['--groups', `reset-${name}`, '--strategy', 'shift', '--shift', '1', '--no-snapshot']
        return await backup('offset-reset', 'execute', ...what)
      },
    },
    backup: {
      rows: ['`backup`'],
      unseen: ['Describe group'],
      run: async ({ name, security }) => {
        const job = {
          backupId: name,
          bootstrap: broker.address('MTLS'),
          topics: ['orders'],
          path: file('archive'),
        }
        const options = { source: { security }, backup: { consumer_group_snapshot: true } }
        return await runCli(['backup', '-c', await backupFile(folder.path, { ...job, ...options })])
      },
    },
    restore: {
      rows: ['`restore`, `three-phase-restore`'],
      unseen: ['AlterConfigs topic', 'DescribeConfigs cluster'],
      run: async ({ name, security }) => {
        const restore = { create_topics: true, topic_mapping: { orders: `copy-${name}` } }
        const job = { backupId: 'archived', bootstrap: broker.address('MTLS'), path: file('archive') }
        const config = await restoreFile(folder.path, name, { ...job, target: { security }, restore })
        return await runCli(['three-phase-restore', '-c', config, '--groups', 'billing'])
      },
    },
  }

  for (const [title, { rows, unseen = [], run }] of Object.entries(commands)) {
    test(`${title}: the rights are enough, and one that is missing is named`, async () => {
      const rights = [...new Set(rows.flatMap(rightsOf))]
      const needed = rights.filter((right) => !isImplied(right, rights))
      assert.ok(rights.length > 0)
      const all = await client(rights)
      const poorer = await Promise.all(
        needed.map(
          async (missing) => [missing, await client(rights.filter((right) => right !== missing))] as const,
        ),
      )
      const enough = await untilAllowed(() => run(all))
      assert.equal(enough.status, 0, enough.stdout + enough.stderr)
      for (const [missing, poor] of poorer) {
        if (unseen.includes(missing)) continue
        const { stdout, stderr } = await run(poor)
        const resource = missing.split(' ')[1]
        const named = new RegExp(`(operation \\w+ on|no right to) (the )?${resource}`)
        assert.match(stdout + stderr, named, `without ${missing}`)
      }
    })
  }

  /** A broker sees new rights a moment after the controller has answered. */
  async function untilAllowed(run: () => Promise<ProcessResult>): Promise<ProcessResult> {
    for (let left = 5; ; left--) {
      const result = await run()
      if (result.status === 0 || left === 0) return result
      await delay(300)
    }
  }
})
