import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { type ProcessResult, runProcess } from '../support/kmap.ts'
import { programFile } from '../support/program.ts'
import { type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/*
 * Every command line of the guides that this program succeeds, but those of Kafka's own tools, run by bash as it is written there. Only
 * what names a place is put in: addresses, folders, the name of the source cluster, the id of a snapshot.
 */

interface Documented {
  readonly document: string
  readonly section: string
  readonly line: number
  readonly command: string
}

const documented: readonly Documented[] = JSON.parse(
  await readFile(join(import.meta.dirname, 'documented-commands.json'), 'utf8'),
)

let source: SecuredBroker
let target: TestCluster
let java: JavaClient
let folder: Awaited<ReturnType<typeof tempFolder>>
let archive: string
const cluster = 'prod-us-east-1'

/** Where groups stand on the source. */
const stand = { orders: [40n, 55n, 70n], payments: [20n, 33n] } as const
const groups = [
  ...['order-processor', 'payment-service', 'payment-processor', 'notification-service'],
  ...['analytics', 'analytics-consumer', 'group1', 'group2', 'group3'],
]

before(async () => {
  ;[source, target, java, folder] = await Promise.all([
    startSecuredBroker(),
    startCluster(),
    startJavaClient(),
    tempFolder('documented'),
  ])
  archive = join(folder.path, 'data', 'backups')
  const bootstrap = source.address('PLAINTEXT')
  const admin = new JavaAdmin(java, bootstrap)
  await admin.createTopic('orders', 3)
  await admin.createTopic('payments', 2)
  const producer = await java.producer({ 'bootstrap.servers': bootstrap })
  await producer.fill({ topic: 'orders', partitions: 3, count: 100, size: 50 })
  await producer.fill({ topic: 'payments', partitions: 2, count: 50, size: 50 })
  await producer.close()
  // So that offsets on the target are others.
  await admin.deleteRecords('orders', 0, 10n)
  for (const group of groups) await bringTo(admin, group)
  await programs()
  await files()
  await succeed('kafka-backup backup -c backup.yaml')
  // What the guides take to have been done.
  await succeed('kafka-backup restore -c restore.yaml')
})

after(async () => {
  for (const held of [source, target, java, folder]) await held?.[Symbol.asyncDispose]()
})

async function bringTo(admin: JavaAdmin, group: string): Promise<void> {
  for (const [topic, offsets] of Object.entries(stand)) {
    for (const [partition, offset] of offsets.entries()) await admin.commit(group, topic, partition, offset)
  }
}

/** The positions of the source on the target, as a tool that copies numbers leaves them. */
async function bringOver(): Promise<void> {
  const admin = new JavaAdmin(java, target.bootstrap)
  for (const group of groups) await bringTo(admin, group)
}

/** `kafka-backup` in the path, and `./kmap`. */
async function programs(): Promise<void> {
  const main = await programFile()
  await mkdir(join(folder.path, 'bin'))
  for (const [file, program] of [
    ['bin/kafka-backup', main],
    ['kmap', join(dirname(main), 'kmap.mjs')],
  ] as const) {
    await writeFile(join(folder.path, file), `#!/bin/bash\nexec '${process.execPath}' '${program}' "$@"\n`)
    await chmod(join(folder.path, file), 0o755)
  }
}

/** The files that the commands name, with the keys that the guides show. */
async function files(): Promise<void> {
  const storage = { backend: 'filesystem', path: archive }
  const restore = {
    mode: 'restore',
    backup_id: 'production-backup-001',
    target: { bootstrap_servers: [target.bootstrap] },
    restore: {
      include_original_offset_header: true,
      consumer_group_strategy: 'header-based',
      reset_consumer_offsets: true,
      consumer_groups: ['order-processor', 'payment-service', 'analytics-consumer'],
      // Of the guides' own: the topics are there already.
      create_topics: true,
      restore_id: 'guides',
    },
    storage,
  }
  const yaml: Readonly<Record<string, unknown>> = {
    'backup.yaml': {
      mode: 'backup',
      backup_id: 'production-backup-001',
      source: {
        bootstrap_servers: [source.address('PLAINTEXT')],
        topics: { include: ['orders', 'payments'] },
      },
      backup: { include_offset_headers: true, source_cluster_id: cluster },
      storage,
    },
    'restore.yaml': restore,
    'three-phase-restore.yaml': restore,
    'offset-reset.yaml': {
      target: { bootstrap_servers: [target.bootstrap] },
      offset_reset: {
        strategy: 'header-based',
        source_cluster: cluster,
        parallel_consumers: 10,
        sample_rate: 1.0,
        timeout_secs: 3600,
        groups: ['order-processor', 'payment-processor'],
      },
    },
  }
  for (const [name, content] of Object.entries(yaml))
    await writeFile(join(folder.path, name), stringify(content))
  await writeFile(join(folder.path, 'consumer-groups.txt'), 'order-processor\npayment-service\nanalytics\n')
  const client = source.authority.issue('admin')
  await writeFile(join(folder.path, 'client.crt'), client.cert)
  await writeFile(join(folder.path, 'client.key'), client.key)
  await writeFile(join(folder.path, 'ca.crt'), source.authority.cert)
}

/** What stands for places in the guides: the first that a text holds is put in wherever it is. */
function placed(command: string): string {
  const secured = /-security-protocol SSL\b/.test(command)
    ? source.address('MTLS')
    : command.includes('-sasl-') && /-security-protocol/.test(command)
      ? source.address('SASLS')
      : command.includes('-sasl-')
        ? source.address('SASLP')
        : source.address('PLAINTEXT')
  const kafka = command.includes('./kmap') ? secured : target.bootstrap
  const places: readonly (readonly [string | RegExp, string])[] = [
    [
      /\b(?:target-kafka|source-msk\.kafka\.amazonaws\.com|pkc-xxxxx\.aws\.confluent\.cloud|kafka|source|localhost):9092/g,
      kafka,
    ],
    ['"source-cluster-id"', cluster],
    ['"prod"', cluster],
    ['/data/backups', archive],
    ['/data/offset-snapshots', join(folder.path, 'data', 'offset-snapshots')],
    ['/path/to', folder.path],
    ['-sasl-password secret', `-sasl-password ${users.admin}`],
    [' [auth-flags]', ''],
    [
      'execute ...',
      `execute --strategy earliest --groups order-processor --bootstrap-servers ${target.bootstrap}`,
    ],
  ]
  return places.reduce((text, [from, to]) => text.replaceAll(from, to), command)
}

async function run(command: string): Promise<ProcessResult> {
  const backups = join(folder.path, 'data', 'kmap')
  await mkdir(backups, { recursive: true })
  return await runProcess('bash', ['-c', command], {
    cwd: folder.path,
    env: {
      PATH: `${join(folder.path, 'bin')}:${process.env.PATH}`,
      // Of a command line that names no address.
      KAFKA_BOOTSTRAP_SERVERS: target.bootstrap,
      // The authority is one that the machine trusts.
      NODE_EXTRA_CA_CERTS: join(folder.path, 'ca.crt'),
      SOURCE_PASSWORD: users.admin,
      API_KEY: 'admin',
      API_SECRET: users.admin,
      ...(command.includes('./kmap') && { KAFKA_PASSWORD: users.admin }),
      BACKUP_DIR: backups,
      DATE: '20260120_020000',
    },
  })
}

async function succeed(command: string): Promise<string> {
  const { status, stdout, stderr } = await run(command)
  assert.equal(status, 0, `${command}\n${stderr}${stdout}`)
  return stdout
}

/** Commands that have been run, by their place in the list. */
const done = new Set<number>()

/** Runs the documented command of a line; its standard output. `change` puts in what only this moment knows. */
async function follow(document: string, line: number, change = (text: string) => text): Promise<string> {
  const at = documented.findIndex((one) => one.document === document && one.line === line)
  const found = documented[at] ?? assert.fail(`${document}, line ${line}`)
  done.add(at)
  return await succeed(change(placed(found.command)))
}

async function json(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder.path, name), 'utf8'))
}

/** Positions of a group on the target, as the tool of Kafka tells them. */
async function described(group: string): Promise<string> {
  const place = ['--bootstrap-server', target.bootstrap, '--describe', '--group', group]
  return await kafkaTool('groups', place)
}

/** Ten records of orders/0 had expired, and nothing else moved. */
const translated = [/orders +0 +30 +90/, /orders +1 +55 +100/, /orders +2 +70 +100/, /payments +1 +33 +50/]

async function assertTranslated(group: string): Promise<void> {
  const text = await described(group)
  for (const row of translated) assert.match(text, row, group)
}

test('Offset Translation: the mapping, a plan, its execution, and resets with a saved mapping', async () => {
  const document = 'Offset Translation'
  await bringOver()
  const mapping = JSON.parse(await follow(document, 111))
  assert.deepEqual([mapping.topic, mapping.source_cluster], ['orders', cluster])
  assert.deepEqual(mapping.mappings[0], {
    partition: 0,
    source_range: { start: 10, end: 99 },
    target_range: { start: 0, end: 89 },
  })
  await follow(document, 219)
  const plan = await json('reset-plan.json')
  assert.equal(plan.strategy, 'header-based')
  await follow(document, 227)
  await assertTranslated('order-processor')
  await assertTranslated('payment-processor')
  await follow(document, 389)
  const saved = await json('mapping.json')
  assert.deepEqual(
    (saved.topics as readonly { topic: string }[]).map(({ topic }) => topic),
    ['orders', 'payments'],
  )
  await follow(document, 396)
  for (const group of ['group1', 'group2', 'group3']) await assertTranslated(group)
  await follow(document, 375)
  await assertTranslated('analytics')
  await assertTranslated('payment-service')
  assert.match(await follow(document, 263), /Phase 1[\s\S]*Phase 2[\s\S]*Phase 3/)
})

test('Offset Discontinuity: the ways back to the right record, and back again', async () => {
  const document = 'Offset Discontinuity'
  await bringOver()
  assert.equal(JSON.parse(await follow(document, 68)).topic, 'orders')
  // As the guide shows it, that output is asked for.
  const text = await follow(document, 68, (command) => `${command} --format text`)
  assert.match(text, /Partition 0: Source offset 10-99 → Target offset 0-89/)
  await follow(document, 86)
  await follow(document, 97)
  await assertTranslated('order-processor')

  await rm(join(folder.path, 'offset-mapping.json'), { force: true })
  await follow(document, 158)
  await bringOver()
  await follow(document, 164)
  await assertTranslated('order-processor')
  await follow(document, 175)

  await follow(document, 309)
  await follow(document, 315)
  assert.match(await described('order-processor'), /orders +1 +0 +100/)
  await follow(document, 318)
  await assertTranslated('order-processor')
})

test('Offset Management: from the backup, by plan, script and in bulk; snapshots and the way back', async () => {
  const document = 'Offset Management'
  await bringOver()
  const held = await follow(document, 103)
  assert.match(held, /^Offset Mapping: production-backup-001\n═+\n\nTopic: orders\n─+\n/)
  assert.match(held, /Partition +First Offset +Last Offset +Record Count\n─+\n0 +10 +99 +90\n1 +0 +99 +100\n/)
  await follow(document, 133)
  const csv = await readFile(join(folder.path, 'offset-mapping.csv'), 'utf8')
  assert.match(csv, /^topic,partition,first_offset,last_offset,record_count\r?\norders,0,10,99,90\r?\n/)

  const plan = await follow(document, 177)
  assert.match(plan, /^Offset Reset Plan\n═+\n\nConsumer Group: order-processor\n─+\n/)
  assert.match(plan, /\nTopic +Partition +Current +Target +Action.*\n─+\norders +0 +40 +30 +SET/)
  assert.match(plan, /\nConsumer Group: payment-service\n/)
  assert.match(plan, /\nTotal partitions to reset: \d+\n/)
  await follow(document, 221)
  const script = await readFile(join(folder.path, 'reset-offsets.sh'), 'utf8')
  assert.match(
    script,
    /^#!\/bin\/bash\n# Offset reset script for backup: '?production-backup-001'?\n# Generated: \d{4}-/,
  )
  assert.match(script, /# Stop consumers before running this script!/)
  assert.match(
    script,
    /kafka-consumer-groups --bootstrap-server \S+ \\\n +--group \S*order-processor\S* \\\n +--topic \S*orders:0\S* \\\n +--reset-offsets --to-offset 30 --execute/,
  )
  await follow(document, 209)
  await assertTranslated('order-processor')
  const bulk = await follow(document, 256)
  assert.match(bulk, /p50/)
  assert.match(bulk, /p99/)
  await assertTranslated('analytics')

  await follow(document, 275)
  const list = await follow(document, 285)
  assert.match(list, /^Offset Snapshots\n═+\nID +Created +Groups +Description\n─+\n/)
  const [, id = ''] =
    /^(snapshot-\d{8}-\d{6}) +\S+Z +2 +Before restore operation$/m.exec(list) ?? assert.fail(list)
  const named = (command: string) => command.replace('snapshot-20241203-100000', id)
  assert.match(await follow(document, 303, named), /order-processor[\s\S]*payment-service/)
  await succeed(`kafka-backup offset-reset execute --strategy latest --groups order-processor`)
  await follow(document, 313, named)
  await assertTranslated('order-processor')
  await follow(document, 322, named)
  await follow(document, 355)
})

test('Consumer Offsets Backup and Restore: kmap with every way to log in, and everything that it writes', async () => {
  const document = 'Consumer Offsets Backup and Restore'
  const saved = async (file: string, script: string) => {
    const content = (await json(file)) as {
      cluster: string
      timestamp: string
      consumer_groups: { group: string; topics: Record<string, unknown>; timestamp: string }[]
    }
    assert.deepEqual(content.consumer_groups.map(({ group }) => group).sort(), groups.toSorted())
    const [first = assert.fail()] = content.consumer_groups
    assert.deepEqual(
      (first.topics.orders as { partition: number; offset: number }[]).map(({ partition, offset }) => [
        partition,
        offset,
      ]),
      [
        [0, 40],
        [1, 55],
        [2, 70],
      ],
    )
    assert.match(content.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const text = await readFile(join(folder.path, script), 'utf8')
    assert.match(text, /^#!\/bin\/bash/)
    assert.match(text, /BOOTSTRAP_SERVERS/)
    assert.match(text, /COMMAND_CONFIG/)
  }
  for (const [line, file, script] of [
    [21, 'consumer-offsets.json', 'restore-offsets.sh'],
    [99, 'offsets.json', 'restore.sh'],
    [110, 'offsets.json', 'restore.sh'],
    [167, 'consumer-offsets.json', 'restore-offsets.sh'],
    [291, 'msk-offsets.json', 'restore-msk.sh'],
    [311, 'confluent-offsets.json', 'restore-self-hosted.sh'],
    [338, 'data/kmap/offsets_20260120_020000.json', 'data/kmap/restore_20260120_020000.sh'],
  ] as const) {
    await rm(join(folder.path, file), { force: true })
    await follow(document, line)
    await saved(file, script)
  }
  assert.match(await readFile(join(folder.path, 'recreate-topics.sh'), 'utf8'), /--create[\s\S]*orders/)
})

test('no command of the guides was left out', () => {
  assert.deepEqual(
    documented.filter((_, at) => !done.has(at)),
    [],
  )
})
