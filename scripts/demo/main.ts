/**
 * `npm run demo`: a shop's cluster is backed up and destroyed; its data and its consumer groups come back on another cluster, whose
 * offsets differ. Kafka's own consumer shows that every group goes on at the very record that it would have read.
 */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startCluster } from '../../test/support/brokers.ts'
import { kafkaJars } from '../../test/support/kafka-jars.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { shop } from './java.ts'
import { compareNextRecords, parseNextRecords } from './next-record.ts'
import { step } from './stage.ts'

const keep = process.argv.includes('--keep')
const command = new URL('../../bin/kafka-backup.mjs', import.meta.url).pathname

process.exitCode = await demo()

async function demo(): Promise<number> {
  const started = performance.now()
  await using folder = await tempFolder('demo')
  const archive = join(folder.path, 'archive')
  await step('Apache Kafka 4.2.0 from Maven Central', () => kafkaJars('4.2.0'))
  await using clusters = await step('two brokers start: source and target', startBoth)
  const { source, target } = clusters
  await step('the shop writes on the source, five groups read', async (say) => {
    for (const line of await shop('fill', source.bootstrap)) say(line)
  })
  const before = await step(
    "what each group would read next on the source, by Kafka's own consumer",
    async () => parseNextRecords(await shop('next', source.bootstrap)),
  )
  const backup = join(folder.path, 'backup.yaml')
  const restore = join(folder.path, 'restore.yaml')
  await writeFile(backup, backupYaml(source.bootstrap, archive))
  await writeFile(restore, restoreYaml(target.bootstrap, archive))
  await step('kafka-backup backup --config backup.yaml', () => run(['backup', '--config', backup]))
  await step('the source is destroyed', async () => await source[Symbol.asyncDispose]())
  await step('kafka-backup three-phase-restore --config restore.yaml', () =>
    run(['three-phase-restore', '--config', restore]),
  )
  const after = await step(
    "what each group would read next on the target, by Kafka's own consumer",
    async () => parseNextRecords(await shop('next', target.bootstrap)),
  )
  const { lines, same, different } = compareNextRecords(before, after)
  process.stdout.write(`\n${lines.join('\n')}\n\n`)
  process.stdout.write(
    different === 0
      ? `All ${same} positions of ${new Set(before.map((b) => b.group)).size} groups are on exactly the right record`
      : `${different} of ${same + different} positions are on another record`,
  )
  process.stdout.write(` (${((performance.now() - started) / 1000).toFixed(0)} s).\n`)
  if (keep && different === 0) await stay(target.bootstrap, archive)
  return different === 0 ? 0 : 1
}

async function startBoth() {
  const [source, target] = await Promise.all([startCluster({ apart: true }), startCluster({ apart: true })])
  return {
    source,
    target,
    async [Symbol.asyncDispose]() {
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()])
    },
  }
}

/** Runs the command as a user would. Its own output is shown only when it fails. */
async function run(commandArguments: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [command, ...commandArguments], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => output.push(data))
  child.stderr.on('data', (data: Buffer) => output.push(data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0)
    throw new Error(`kafka-backup ${commandArguments[0]} ended with ${code}:\n${Buffer.concat(output)}`)
}

async function stay(bootstrap: string, archive: string): Promise<void> {
  process.stdout.write(`
The target is at ${bootstrap}, the archive at ${archive}, until you press Ctrl-C. Try:

  npx kafka-backup list --path ${archive}
  npx kafka-backup describe --path ${archive} --backup-id shop
  npx kafka-backup validate --path ${archive} --backup-id shop --deep
  npx kafka-backup show-offset-mapping --path ${archive} --backup-id shop
  npx kafka-backup verify --path ${archive} --backup-id shop --bootstrap-servers ${bootstrap}
  npx kafka-backup offset-reset plan --path ${archive} --backup-id shop --groups billing --bootstrap-servers ${bootstrap}
`)
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 60_000)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(alive)
        resolve()
      })
    }
  })
}

function backupYaml(bootstrap: string, archive: string): string {
  return `mode: backup
backup_id: shop
source:
  bootstrap_servers: [${bootstrap}]
storage:
  backend: filesystem
  path: ${archive}
backup:
  consumer_group_snapshot: true
`
}

function restoreYaml(bootstrap: string, archive: string): string {
  return `mode: restore
backup_id: shop
target:
  bootstrap_servers: [${bootstrap}]
storage:
  backend: filesystem
  path: ${archive}
restore:
  create_topics: true
  auto_consumer_groups: true
  reset_consumer_offsets: true
  consumer_group_strategy: header-based
`
}
