import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { freePort } from '../support/free-port.ts'
import { mapTopic, numbered, startSyncLab } from '../support/sync-lab.ts'
import { tempFolder } from '../support/temp-folder.ts'

const lab = await startSyncLab()
const folder = await tempFolder('replicate-sync')
const running: RunningCli[] = []
after(async () => {
  for (const { process } of running) process.kill('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  await lab[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})
const { sourceAdmin, targetAdmin, java } = lab
const file = join(folder.path, 'k2k.yaml')
const listen = { replicate: await freePort(), sync: await freePort() }
await writeFile(
  file,
  stringify({
    name: 'whole',
    features: { offsetMapping: 'enabled', autoCreateControlTopics: 'enabled' },
    source: { kafka: { common: { 'bootstrap.servers': lab.source.bootstrap } } },
    target: { kafka: { common: { 'bootstrap.servers': lab.target.bootstrap } } },
    replication: [{ source: { topic: 'shop-.*' } }, { sink: { topic: { prefix: 'dr-' } } }],
    groups: { pollInterval: '300 milliseconds', consumerGroups: ['app-*'] },
    configuration: { topicRefreshInterval: '500 milliseconds' },
    metrics: { kafka: { topic: 'metrics', interval: '500 milliseconds' } },
  }),
)

/** Starts one of the programs that run on. */
async function start(command: 'replicate' | 'sync-offsets', port: number): Promise<RunningCli> {
  const args = [command, '-f', file, '--listen', `127.0.0.1:${port}`, '-o', 'json']
  const cli = await startCli(args, { cwd: folder.path })
  running.push(cli)
  return cli
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 90_000; Date.now() < end; ) {
    const found = await look()
    if (found !== undefined) return found
    await delay(100)
  }
  const said = running.map((cli) => cli.output().stderr).join('\n')
  throw new Error(`never ${what}:\n${said}`)
}

/** What a program answers; undefined while it does not, or answers otherwise than 200. */
async function get(port: number, path: string): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
  return response?.status === 200 ? await response.text() : undefined
}

test('two programs from one file: records, map, groups, metrics, readiness, and an orderly end', async () => {
  await sourceAdmin.createTopic('shop-plain', 2)
  await sourceAdmin.createTopic('shop-transactions', 1)
  await lab.fill('source', 'shop-plain', numbered(100), 0)
  const replicate = await start('replicate', listen.replicate)
  const sync = await start('sync-offsets', listen.sync)
  await until('ready to copy', () => get(listen.replicate, '/readyz'))
  await until('ready to sync', () => get(listen.sync, '/readyz'))
  assert.equal(await get(listen.sync, '/healthz'), 'ok\n')

  // Committed and aborted transactions: markers and holes, so that offsets part.
  const producer = await java.producer({
    'bootstrap.servers': lab.source.bootstrap,
    'transactional.id': 'shop',
  })
  const send = (...values: string[]) =>
    producer.send(...values.map((value) => ({ topic: 'shop-transactions', partition: 0, key: value, value })))
  for (const [end, values] of [
    ['commit', numbered(5, 'a')],
    ['abort', numbered(7, 'never')],
    ['commit', numbered(5, 'b')],
  ] as const) {
    await producer.begin()
    send(...values)
    // An abort would drop what was not sent yet.
    await producer.flush()
    await producer[end]()
  }
  await producer.close()
  // a0–a4 at 0–4, a marker, never0–6 at 6–12, a marker, b0–b4 at 14–18, a marker at 19.
  const cases = [
    ['app-start', 0n, 'a0'],
    ['app-middle', 3n, 'a3'],
    ['app-aborted', 8n, 'b0'],
    ['app-later', 16n, 'b2'],
    ['app-end', 20n, undefined],
  ] as const
  for (const [group, position] of cases) await sourceAdmin.commit(group, 'shop-transactions', 0, position)
  await sourceAdmin.commit('app-middle', 'shop-plain', 0, 42n)
  await sourceAdmin.commit('app-middle', 'shop-plain', 1, 0n)
  await sourceAdmin.commit('not-chosen', 'shop-plain', 0, 42n)
  for (const [group, , value] of cases) {
    const at = await until(`${group} in step`, async () =>
      (await targetAdmin.positions(group)).find(({ topic }) => topic === 'dr-shop-transactions'),
    )
    const [next] = await java.read(lab.target.bootstrap, 'dr-shop-transactions', 0, {
      from: at.offset,
      max: 1,
    })
    assert.equal(next?.value?.toString(), value, group)
  }
  const others = await until('both partitions of the plain topic', async () => {
    const found = (await targetAdmin.positions('app-middle')).filter(({ topic }) => topic === 'dr-shop-plain')
    return found.length === 2 ? found : undefined
  })
  assert.equal(
    others.find(({ partition }) => partition === 1)?.offset,
    0n,
    'an empty partition has a position too',
  )
  assert.deepEqual(await targetAdmin.positions('not-chosen'), [])

  const shows = (port: number, lines: readonly RegExp[]) =>
    until(`all of ${lines.join(', ')}`, async () => {
      const text = (await get(port, '/metrics')) ?? ''
      return lines.every((line) => line.test(text)) ? true : undefined
    })
  await shows(listen.replicate, [
    /^k2k_replicate_records_total\{topic="shop-plain"\} 100$/m,
    /^k2k_replicate_records_total\{topic="shop-transactions"\} 10$/m,
    /^k2k_replicate_lag_records\{topic="shop-plain",partition="0"\} 0$/m,
  ])
  await shows(listen.sync, [
    /^k2k_offsetmapping_producer_positions_committed_total\{cause="first"\} 7$/m,
    /^k2k_offsetmapping_groups_in_step 5$/m,
  ])
  const sent = await until('metrics in their topic', async () => {
    const records = await java.read(lab.target.bootstrap, 'metrics', 0)
    const values = records.map(
      ({ value }) => JSON.parse(value?.toString() ?? '{}') as Record<string, unknown>,
    )
    const named = (name: string) => values.find((value) => value.name === name)
    const found = [named('k2k.replicate_records'), named('k2k.offsetmapping.groups_in_step')]
    return found.every((one) => one !== undefined) ? found : undefined
  })
  assert.deepEqual(
    sent.map((one) => one?.pipeline),
    ['whole', 'whole'],
  )

  const status = await runCli(['replicate', 'status', '-f', file, '-o', 'json'], { cwd: folder.path })
  assert.equal(status.status, 0, status.stderr)
  const survey = JSON.parse(status.stdout) as { partitions: { topic: string; lag: number }[] }
  assert.deepEqual(
    survey.partitions.map(({ topic, lag }) => [topic, lag]),
    [
      ['shop-plain', 0],
      ['shop-plain', 0],
      ['shop-transactions', 0],
    ],
  )
  const shown = await runCli([
    ...['show-offset-mapping', '--mapping-topic', mapTopic, '--bootstrap-servers', lab.target.bootstrap],
    ...['--topic', 'shop-plain', '--format', 'json'],
  ])
  assert.equal((JSON.parse(shown.stdout) as { target_topic: string }).target_topic, 'dr-shop-plain')

  // A fail-over while both programs run.
  const over = await runCli(['failover', '-g', 'app-later', '-f', file, '-o', 'json'], { cwd: folder.path })
  assert.equal(over.status, 0, over.stderr)
  assert.match(over.stdout, /"proof": "same"/)
  await sourceAdmin.commit('app-later', 'shop-transactions', 0, 18n)
  await sourceAdmin.commit('app-start', 'shop-transactions', 0, 4n)
  const before = (await targetAdmin.positions('app-later'))[0]?.offset
  await until('another round', async () => {
    const [at] = await targetAdmin.positions('app-start')
    const [next] = await java.read(lab.target.bootstrap, 'dr-shop-transactions', 0, {
      from: at?.offset ?? 0n,
      max: 1,
    })
    return next?.value?.toString() === 'a4' ? true : undefined
  })
  assert.equal((await targetAdmin.positions('app-later'))[0]?.offset, before, 'the handed-over group stays')

  for (const cli of [replicate, sync]) {
    cli.process.kill('SIGTERM')
    const { status, stdout, stderr } = await cli.ended
    assert.equal(status, 130, stderr)
    assert.notEqual(stdout, '', stderr)
    assert.equal((JSON.parse(stdout) as { interrupted: boolean }).interrupted, true)
  }
})
