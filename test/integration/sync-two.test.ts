import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { freePort } from '../support/free-port.ts'
import { startKafkaProxy } from '../support/kafka-proxy.ts'
import { until } from '../support/replicated.ts'
import { keptTelemetry, numbered, startSyncLab } from '../support/sync-lab.ts'
import { tempFolder } from '../support/temp-folder.ts'

/*
 * Several sync programs of one pipeline, on a target that forms groups as slowly as brokers do by default. While they come and go, a
 * group's position on the target is read all the time: it never goes back, and is never ahead.
 */

const rebalanceDelay = { 'group.initial.rebalance.delay.ms': '3000' }
const behind = { port: 0 }
const proxy = await startKafkaProxy(behind)
const lab = await startSyncLab({
  target: {
    properties: rebalanceDelay,
    listeners: [{ name: 'PROXIED', security: 'PLAINTEXT', toldPort: proxy.port }],
  },
})
behind.port = lab.target.broker(1).portOf('PROXIED')
const folder = await tempFolder('sync-two')
const running = new Set<RunningCli>()
after(async () => {
  for (const { process } of running) process.kill('SIGKILL')
  await Promise.all([...running].map(({ ended }) => ended))
  await lab[Symbol.asyncDispose]()
  for (const held of [proxy, folder]) await held[Symbol.asyncDispose]()
})
const { sourceAdmin, targetAdmin } = lab
const records = 20_000
const apiKeys = { offsetFetch: 9, heartbeat: 12 } as const

/** A topic that is the same on both sides. */
async function copied(topic: string): Promise<void> {
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  await lab.fill('target', topic, numbered(records))
  await lab.map({
    topic,
    to: BigInt(records),
    runs: [{ source: 0n, target: 0n, count: records }],
  })
}

/** Groups that move on all the time, and what was seen of them on the target. */
class Moving implements AsyncDisposable {
  readonly wanted = new Map<string, bigint>()
  readonly seen = new Map<string, bigint>()
  readonly wrong: string[] = []
  readonly #topic: string
  readonly #work: Promise<unknown>
  #ending = false

  constructor(topic: string, groups: readonly string[]) {
    this.#topic = topic
    this.#work = Promise.all([this.#move(groups), this.#watch(groups)])
    this.#work.catch(() => {})
  }

  /** Until every group has gone on so far on the target from where it stands now. */
  async goesOn(what: string, steps = 3n): Promise<void> {
    const from = new Map(this.seen)
    await until(what, async () =>
      [...this.wanted.keys()].every(
        (group) => (this.seen.get(group) ?? 0n) >= (from.get(group) ?? 0n) + steps,
      ),
    )
  }

  /** Ends, when all have come to where they belong. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true
    await this.#work
  }

  async #move(groups: readonly string[]): Promise<void> {
    for (let offset = 1n; !this.#ending && offset < records; offset++) {
      for (const group of groups) {
        this.wanted.set(group, offset)
        await sourceAdmin.commit(group, this.#topic, 0, offset)
      }
    }
  }

  async #watch(groups: readonly string[]): Promise<void> {
    while (!this.#ending) {
      for (const group of groups) {
        const now = (await targetAdmin.positions(group))[0]?.offset
        if (now === undefined) continue
        const before = this.seen.get(group) ?? 0n
        const wanted = this.wanted.get(group) ?? 0n
        if (now < before) this.wrong.push(`${group} went back from ${before} to ${now}`)
        if (now > wanted) this.wrong.push(`${group} is at ${now}, and belongs at ${wanted}`)
        this.seen.set(group, now)
      }
      await delay(1)
    }
  }
}

let files = 0

/** So long that nothing in a test comes about by its end. Only of programs that are told to end. */
const longSession = 600_000

/** A pipeline file; `proxied`: the target is reached through the proxy. */
async function pipelineFile(
  name: string,
  groups: string,
  { proxied = false, session = 6_000 } = {},
): Promise<string> {
  const file = join(folder.path, `${name}-${++files}.yaml`)
  const target = proxied ? `127.0.0.1:${proxy.port}` : lab.target.bootstrap
  await writeFile(
    file,
    stringify({
      name,
      // The records of the two sides were written one after the other.
      features: { keepRecordCreationTimestamp: 'disabled' },
      source: { kafka: { common: { 'bootstrap.servers': lab.source.bootstrap } } },
      target: { kafka: { common: { 'bootstrap.servers': target, 'session.timeout.ms': String(session) } } },
      groups: { consumerGroups: [groups], pollInterval: '50 milliseconds' },
    }),
  )
  return file
}

async function start(file: string, ...args: readonly string[]): Promise<RunningCli> {
  const cli = await startCli(['sync-offsets', '-f', file, ...args], { cwd: folder.path })
  running.add(cli)
  void cli.ended.then(() => running.delete(cli))
  return cli
}

const said = (cli: RunningCli, text: string | RegExp) =>
  until(
    `the program says ${text}`,
    async () => cli.output().stderr.search(text) >= 0,
    60,
    async () => cli.output().stderr,
  )
const count = (text: string, part: string) => text.split(part).length - 1

test('two programs that keep the same groups in step: no position goes back or is ever ahead', async () => {
  const topic = 'shared'
  await copied(topic)
  const stop = new AbortController()
  const telemetry = keptTelemetry()
  const groups = ['two-a', 'two-b', 'two-c']
  const programs = [0, 1].map(() =>
    lab.sync({ groups, pollInterval: 20 }, { once: false, signal: stop.signal, telemetry }),
  )
  const moving = new Moving(topic, groups)
  await moving.goesOn('the groups move on', 100n)
  await moving[Symbol.asyncDispose]()
  for (const group of groups) {
    await until(`${group} is where it belongs`, async () => {
      return (await targetAdmin.positions(group))[0]?.offset === moving.wanted.get(group)
    })
  }
  stop.abort()
  const reports = await Promise.all(programs)
  assert.deepEqual(moving.wrong, [])
  const rounds = reports.map((report) => report.rounds).sort((a, b) => a - b)
  assert.equal(rounds[0], 0, 'one of them has only stood by')
  assert.ok((rounds[1] ?? 0) > 0)
  assert.equal(telemetry.lines.filter((line) => line.startsWith('error')).join('\n'), '')
})

test('the second takes over at once when the first is told to end, and after its session when it is killed', async () => {
  const topic = 'handed'
  await copied(topic)
  const file = await pipelineFile('handed', 'handed-*')
  const first = await start(await pipelineFile('handed', 'handed-*', { session: longSession }))
  const moving = new Moving(topic, ['handed-group'])
  await moving.goesOn('the first keeps it in step')
  const port = await freePort()
  const second = await start(file, '--listen', `127.0.0.1:${port}`)
  await said(
    second,
    `Standing by: another program keeps the groups in step, process ${first.process.pid} on `,
  )
  await until('the one that stands by is ready', async () => (await get(port, '/readyz')).status === 200)
  assert.deepEqual(await get(port, '/healthz'), { status: 200, text: 'ok\n' })
  assert.match((await get(port, '/metrics')).text, /^k2k_offsetmapping_sync_turn 0$/m)
  await moving.goesOn('the first goes on')

  first.process.kill('SIGTERM')
  assert.equal((await first.ended).status, 130)
  await said(second, 'This program has the turn')
  const third = await start(file)
  await moving.goesOn('the second keeps it in step')
  assert.match((await get(port, '/metrics')).text, /^k2k_offsetmapping_sync_turn 1$/m)
  await said(
    third,
    `Standing by: another program keeps the groups in step, process ${second.process.pid} on `,
  )

  second.process.kill('SIGKILL')
  await second.ended
  await said(third, 'This program has the turn')
  await moving.goesOn('the third keeps it in step')
  await moving[Symbol.asyncDispose]()
  assert.deepEqual(moving.wrong, [])
  assert.equal(count(second.output().stderr, 'Standing by'), 1, 'it is said once')
  third.process.kill('SIGTERM')
  const { status, stderr } = await third.ended
  assert.equal(status, 130, stderr)
})

async function get(port: number, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return { status: response.status, text: await response.text() }
}

for (const [name, held] of [
  ['has read the positions', [apiKeys.offsetFetch]],
  ['was told that it has the turn', [apiKeys.offsetFetch, apiKeys.heartbeat]],
] as const) {
  test(`a program that is stopped when it ${name}, and wakes up after its session, commits nothing old`, async () => {
    const topic = `stalled-${held.length}`
    await copied(topic)
    const group = `${topic}-group`
    const stalled = await start(await pipelineFile(topic, group, { proxied: true }))
    await using moving = new Moving(topic, [group])
    await moving.goesOn('the first keeps it in step')
    const other = await start(await pipelineFile(topic, group))
    await said(other, 'Standing by')
    await moving.goesOn('the first goes on')

    // The answers come one after the other; the last of them reaches a process that does not run.
    const steps = [...held]
    const reached = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    proxy.hooks.onAnswer = (apiKey) => {
      if (steps[0] !== apiKey) return undefined
      steps.shift()
      if (steps.length > 0) return undefined
      reached.resolve()
      return release.promise
    }
    await reached.promise
    stalled.process.kill('SIGSTOP')
    proxy.hooks.onAnswer = undefined
    release.resolve()
    await said(other, 'This program has the turn')
    await moving.goesOn('the other keeps it in step')
    stalled.process.kill('SIGCONT')
    await said(stalled, 'Standing by')
    await moving.goesOn('the other goes on')
    assert.deepEqual(moving.wrong, [])
    assert.match(stalled.output().stderr, /The round is not finished/)
    for (const cli of [stalled, other]) {
      cli.process.kill('SIGTERM')
      assert.equal((await cli.ended).status, 130)
    }
  })
}

test('one round beside a program that runs on is refused with its name; beside another single round it waits', async () => {
  const topic = 'once'
  await copied(topic)
  await sourceAdmin.commit('once-group', topic, 0, 5n)
  const file = await pipelineFile('once', 'once-*')
  const rounds = await Promise.all([start(file, '--once'), start(file, '--once')])
  for (const cli of rounds) {
    const { status, stderr } = await cli.ended
    assert.equal(status, 0, stderr)
  }
  assert.equal((await targetAdmin.positions('once-group'))[0]?.offset, 5n)
  const service = await start(file)
  await said(service, 'This program has the turn')
  const refused = await runCli(['sync-offsets', '-f', file, '--once'])
  assert.equal(refused.status, 4, refused.stderr)
  assert.match(refused.stderr, /TURN_TAKEN/)
  assert.match(
    refused.stderr,
    new RegExp(`keeps the groups of the pipeline once in step: process ${service.process.pid} on`),
  )
  service.process.kill('SIGTERM')
  assert.equal((await service.ended).status, 130)
})

test('a program that waits for its turn ends at once when it is told to', async () => {
  const file = await pipelineFile('patient', 'patient-*', { session: longSession })
  const first = await start(file)
  await said(first, 'This program has the turn')
  first.process.kill('SIGKILL')
  await first.ended
  const second = await start(file)
  await said(second, 'Waiting until it is settled which program has the turn')
  second.process.kill('SIGTERM')
  await until('it ends', async () => !running.has(second))
  const { status, stderr } = await second.ended
  assert.equal(status, 130, stderr)
})

test('connections that are cut while a program asks whether it may stand in line end nothing', async () => {
  const topic = 'cut'
  await copied(topic)
  await sourceAdmin.commit('cut-group', topic, 0, 5n)
  let cuts = 0
  proxy.hooks.onRequest = (apiKey) => {
    if (apiKey === apiKeys.heartbeat && cuts++ === 0) proxy.cut()
    return undefined
  }
  const cli = await start(await pipelineFile('cut', 'cut-*', { proxied: true }), '--once')
  const { status, stderr } = await cli.ended
  proxy.hooks.onRequest = undefined
  assert.equal(status, 0, stderr)
  assert.ok(cuts > 0)
  assert.equal((await targetAdmin.positions('cut-group'))[0]?.offset, 5n)
})

test('a round that had read a group before a fail-over leaves it where the fail-over has put it', async () => {
  const topic = 'over'
  await copied(topic)
  await lab.fill('source', topic, numbered(records))
  const session = longSession
  const cli = await start(await pipelineFile('over', 'over-*', { proxied: true, session }))
  await said(cli, 'Keeping groups in step')
  const reached = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  proxy.hooks.onAnswer = (apiKey) => {
    if (apiKey !== apiKeys.offsetFetch) return undefined
    reached.resolve()
    return release.promise
  }
  await sourceAdmin.commit('over-group', topic, 0, 5n)
  await reached.promise
  await sourceAdmin.commit('over-group', topic, 0, 9n)
  const file = await pipelineFile('over', 'over-*')
  const over = await runCli(['failover', '--group', 'over-group', '-f', file], { cwd: folder.path })
  assert.equal(over.status, 0, over.stdout + over.stderr)
  proxy.hooks.onAnswer = undefined
  release.resolve()
  await sourceAdmin.commit('over-other', topic, 0, 7n)
  await until(
    'the next round is over',
    async () => (await targetAdmin.positions('over-other'))[0]?.offset === 7n,
  )
  assert.equal((await targetAdmin.positions('over-group'))[0]?.offset, 9n)
  cli.process.kill('SIGTERM')
  assert.equal((await cli.ended).status, 130)
})
