import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { reportOf, Stage } from '../support/e2e-stage.ts'
import { runProcess } from '../support/kmap.ts'
import { programFile } from '../support/program.ts'

/*
 * Every command of docs/strategies.md, run by bash as it is written there: only addresses and the folder of the archive are put in.
 */

/** A section of the page: its commands, and what it shows of a file. */
interface Section {
  readonly commands: readonly string[]
  readonly yaml: string | undefined
}

const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'strategies.md'), 'utf8')
const sections = new Map(
  page.split(/^## /m).map((text): [string, Section] => {
    const blocks = (language: string) =>
      [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
        ([, block = '']) => block,
      )
    const commands = blocks('bash').flatMap((block) =>
      block.replaceAll('\\\n', ' ').split('\n').filter(Boolean),
    )
    return [text.slice(0, text.indexOf('\n')), { commands, yaml: blocks('yaml')[0] }]
  }),
)

let stage: Stage
const done = new Set<string>()
const groups = ['order-processor', 'payment-processor'] as const
/** Where the groups stand on the source; records 0 to 49 of orders/0 are gone there, so that numbers on the target are others. */
const stand = { 'orders/0': 140n, 'orders/1': 260n, 'payments/0': 120n } as const
/** Time of record `i` is `i` seconds after this. */
const start = Date.UTC(2024, 11, 1, 9, 57, 30)

before(async () => {
  stage = await Stage.open({}, {})
  const { admin, cluster } = stage.source
  const forever = { 'retention.ms': '-1', 'message.timestamp.before.max.ms': '9223372036854775807' }
  await admin.createTopic('orders', 2, forever)
  await admin.createTopic('payments', 1, forever)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  for (let i = 0; i < 300; i++) {
    for (const place of Object.keys(stand)) {
      const [topic = '', partition = ''] = place.split('/')
      const timestamp = BigInt(start + 1000 * i)
      producer.send({ topic, partition: Number(partition), timestamp, value: `${place} ${i}` })
    }
  }
  await producer.flush()
  await producer.close()
  await admin.deleteRecords('orders', 0, 50n)
  await bringTo('source')
  const backup = { source_cluster_id: 'prod-us-east-1' }
  reportOf(await stage.backup({ backupId: 'nightly', topics: ['orders', 'payments'], backup }))
  const restore = { create_topics: true, include_original_offset_header: true }
  const renamed = { ...restore, restore_id: 'renamed', topic_mapping: { orders: 'restored-orders' } }
  const only = ['--topics', 'orders']
  reportOf(await stage.restore({ backupId: 'nightly', name: 'renamed', restore: renamed }, only, 'restore'))
  reportOf(await stage.restore({ backupId: 'nightly', restore }, [], 'restore'))
  await mkdir(join(stage.folder, 'bin'))
  const program = join(stage.folder, 'bin', 'kafka-backup')
  await writeFile(program, `#!/bin/bash\nexec '${process.execPath}' '${await programFile()}' "$@"\n`)
  await chmod(program, 0o755)
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

async function bringTo(side: 'source' | 'target'): Promise<void> {
  for (const group of groups) {
    for (const [place, offset] of Object.entries(stand)) {
      const [topic = '', partition = ''] = place.split('/')
      await stage[side].admin.commit(group, topic, Number(partition), offset)
    }
  }
}

async function run(command: string, cwd: string): Promise<string> {
  const placed = command
    .replaceAll('kafka-dr:9092', stage.target.cluster.bootstrap)
    .replaceAll('/data/backups', stage.archive)
  const { status, stdout, stderr } = await runProcess('bash', ['-c', placed], {
    cwd,
    env: { PATH: `${join(stage.folder, 'bin')}:${process.env.PATH}` },
  })
  assert.equal(status, 0, `${command}\n${stderr}${stdout}`)
  done.add(command)
  return stdout
}

/** Runs the commands of a section one after the other, in a folder of its own; `seen` is told of each. */
async function follow(
  title: string,
  seen: (command: string, output: string) => Promise<void> = async () => {},
  cwd = '',
): Promise<void> {
  const { commands } = sections.get(title) ?? assert.fail(`docs/strategies.md has no section ${title}`)
  const folder = cwd === '' ? await mkdtemp(join(stage.folder, 'run-')) : cwd
  for (const command of commands) await seen(command, await run(command, folder))
}

async function held(group: string): Promise<Readonly<Record<string, bigint>>> {
  const positions = await stage.target.admin.positions(group)
  return Object.fromEntries(positions.map((one) => [`${one.topic}/${one.partition}`, one.offset]))
}

/** The record that a group reads next is the one at which it stood on the source. */
async function assertRight(group: string, rename: Readonly<Record<string, string>> = {}): Promise<void> {
  const now = await held(group)
  for (const [place, offset] of Object.entries(stand)) {
    const [topic = '', partition = ''] = place.split('/')
    const target = rename[topic] ?? topic
    const from =
      now[`${target}/${partition}`] ?? assert.fail(`${group} has no position in ${target}/${partition}`)
    const { bootstrap } = stage.target.cluster
    const [next] = await stage.java.read(bootstrap, target, Number(partition), { from, max: 1 })
    assert.equal(next?.value?.toString(), `${place} ${offset}`)
  }
}

test('from the backup', async () => {
  await follow('From the backup')
  await assertRight('order-processor')
})

test('without the archive: positions of the source that stand on the target', async () => {
  await bringTo('target')
  await follow('Without the archive')
  await assertRight('order-processor')
})

test('by time', async () => {
  const ten = 150n
  await follow('By time', async (command, output) => {
    // After the first the group is there; payments goes by a time of its own, and no record is of the last two hours.
    if (command.includes('--topics')) return assert.match(output, /payments +0 +150 +0 +SET/)
    if (command.includes('duration')) return assert.match(output, /Total partitions to reset: 3/)
    const positions = await held('order-processor')
    assert.deepEqual(positions, { 'orders/0': ten - 50n, 'orders/1': ten, 'payments/0': ten })
  })
})

test('by the log', async () => {
  let before = await held('order-processor')
  await follow('By the log', async (command) => {
    const now = await held('order-processor')
    if (command.includes('earliest')) {
      assert.deepEqual(now, { 'orders/0': 0n, 'orders/1': 0n, 'payments/0': 0n })
      // So that there is something to go back from.
      for (const place of Object.keys(now)) {
        const [topic = '', partition = ''] = place.split('/')
        await stage.target.admin.commit('order-processor', topic, Number(partition), 200n)
      }
    } else if (command.includes('latest')) {
      assert.deepEqual(await held('newcomer'), { 'orders/0': 250n, 'orders/1': 300n })
    } else if (command.includes('shift')) {
      assert.deepEqual(now, { 'orders/0': 100n, 'orders/1': 100n, 'payments/0': 100n })
    } else assert.deepEqual(now, { ...before, 'orders/0': 151n })
    before = now
  })
})

test('in a file', async () => {
  await bringTo('target')
  const cwd = await mkdtemp(join(stage.folder, 'run-'))
  const file = parse(sections.get('In a file')?.yaml ?? assert.fail('the page shows no file'))
  file.target.bootstrap_servers = [stage.target.cluster.bootstrap]
  await writeFile(join(cwd, 'offset-reset.yaml'), stringify(file))
  await follow('In a file', undefined, cwd)
  for (const group of groups) await assertRight(group, { orders: 'restored-orders' })
})

test('no command of the page was left out', () => {
  const all = [...sections.values()].flatMap(({ commands }) => commands)
  assert.ok(all.length >= 13)
  assert.deepEqual(
    all.filter((command) => !done.has(command)),
    [],
  )
})
