import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ClusterSetup } from '../support/brokers.ts'
import type { CliResult, RunningCli } from '../support/cli.ts'
import { type Cut, cutAgainAndAgain, cutAnswer, cutRequest, loseAnswers, until } from '../support/cutting.ts'
import {
  type BackupJson,
  type RestoreOptions,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { Section } from '../support/job-files.ts'
import { archivedRecords, assertSameLog, assertValid } from '../support/record-lists.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'
import { openShop, type Shop } from '../support/shop.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

const perPartition = 6000
const twoYears = 2n * 365n * 86_400_000n
/** At least; how many there are depends on how fast a restore goes on after one. */
const wantedCuts = 3
/** Longer than the target's looks for producers to forget are apart. */
const forgotten = 2500
/** When all has landed, so many more cuts come, each after so many bytes of answers. */
const cutsAfterwards = 6
const answers = 10_000

const ages = [
  { age: 'fresh', timestamp: () => undefined },
  { age: 'two years old, which the target forgets at once', timestamp: () => BigInt(Date.now()) - twoYears },
] as const

for (const { age, timestamp } of ages) {
  test(`connections cut again and again under whole commands: every record once, map and positions right (records ${age})`, async (t) => {
    await using cut = await CutStage.open(timestamp())
    await t.test('backup', (t) => cut.backup(t))
    for (const delivery of ['idempotent', 'transactions']) {
      const ways = [cutRequest(150_000), cutAnswer(300)]
      await t.test(`three-phase-restore, cut in requests and answers (${delivery})`, (t) =>
        cut.restore(t, `cut-${delivery}`, { delivery }, ways),
      )
      await t.test(`three-phase-restore, answers lost after the batches were appended (${delivery})`, (t) =>
        cut.restore(t, `lost-${delivery}`, { delivery }, [loseAnswers(forgotten)]),
      )
    }
  })
}

/** Clusters of which clients are told the address of a proxy, and a shop on the source. */
class CutStage implements AsyncDisposable {
  readonly #stage: Stage
  readonly #shop: Shop
  readonly #source: TcpProxy
  readonly #target: TcpProxy
  readonly #undo: AsyncDisposableStack

  private constructor(
    stage: Stage,
    shop: Shop,
    proxies: { readonly source: TcpProxy; readonly target: TcpProxy },
    undo: AsyncDisposableStack,
  ) {
    this.#stage = stage
    this.#shop = shop
    this.#source = proxies.source
    this.#target = proxies.target
    this.#undo = undo
  }

  static async open(timestamp: bigint | undefined): Promise<CutStage> {
    await using undo = new AsyncDisposableStack()
    // The brokers have to know the proxies' ports before they have any themselves.
    const doors = { source: { port: 0 }, target: { port: 0 } }
    const source = undo.use(await startTcpProxy(doors.source))
    const target = undo.use(await startTcpProxy(doors.target))
    const told = ({ port }: TcpProxy): ClusterSetup => ({
      listeners: [{ name: 'TOLD', security: 'PLAINTEXT', toldPort: port }],
      properties: { 'producer.id.expiration.check.interval.ms': '1000' },
    })
    const stage = undo.use(await Stage.open(told(source), told(target)))
    doors.source.port = stage.source.cluster.broker(1).portOf('TOLD')
    doors.target.port = stage.target.cluster.broker(1).portOf('TOLD')
    const shop = await openShop(stage, { perPartition, timestamp })
    return new CutStage(stage, shop, { source, target }, undo.move())
  }

  /** A backup of which requests and answers are cut. */
  async backup(t: TestContext): Promise<void> {
    const job = {
      backupId: 'shop',
      topics: ['*'],
      bootstrap: `127.0.0.1:${this.#source.port}`,
      backup: { fetch_max_bytes: 50_000 },
    }
    const proxy = this.#source
    const headway = async (signal: AbortSignal) => {
      const enough = proxy.down + 150_000
      await until(() => proxy.down >= enough, signal)
    }
    const running = await this.#stage.startBackup(job)
    const result = await this.#cutWhile(running, proxy, [cutAnswer(100_000), cutRequest(1000)], headway)
    const report = reportOf<BackupJson>(result)
    t.diagnostic(`${proxy.cuts} cuts`)
    assert.ok(proxy.cuts >= wantedCuts, `only ${proxy.cuts} connections were cut`)
    assert.deepEqual([report.status, report.notices], ['done', []])
    assert.equal(report.groups, Object.keys(this.#shop.groups).length)
    await assertValid(this.#stage.archive, 'shop')
    for (const { source, records } of this.#shop.topics) {
      for (const [partition, expected] of records.entries()) {
        const held = await archivedRecords(this.#stage.archive, 'shop', source, partition)
        assertSameLog(held, expected, `${source}/${partition}`)
      }
    }
  }

  /** A restore that is cut until it ends. */
  async restore(t: TestContext, name: string, more: Section, ways: readonly Cut[]): Promise<void> {
    const stage = this.#stage
    const proxy = this.#target
    const mapping = join(stage.folder, `mapping-${name}.json`)
    const topics = this.#shop.topics.map((topic) => ({ ...topic, target: `${name}-${topic.source}` }))
    const restore = {
      create_topics: true,
      topic_mapping: { '*': `${name}-*` },
      auto_consumer_groups: true,
      settle_ms: 500,
      // The copy has to last for many cuts.
      rate_limit_bytes_per_sec: 300_000,
      ...more,
    }
    const job: RestoreOptions = { backupId: 'shop', name, restore, bootstrap: `127.0.0.1:${proxy.port}` }
    const cutsBefore = proxy.cuts
    const running = await stage.startRestore(job, ['--mapping-output', mapping])
    const seen = new Landing(stage, `${name}-plain`, this.#shop.topics[0]?.records.length ?? 0)
    let left = cutsAfterwards
    const headway = async (signal: AbortSignal) => {
      const before = { landed: await seen.count(), down: proxy.down }
      const all = before.landed >= 2 * perPartition
      if (all && left-- <= 0) return await until(() => false, signal)
      const more = all
        ? () => proxy.down - before.down > answers
        : async () => (await seen.count()) > before.landed
      await until(more, signal, 20)
    }
    const result = await this.#cutWhile(running, proxy, ways, headway)
    const report = reportOf<ThreePhaseJson>(result)
    const cuts = proxy.cuts - cutsBefore
    t.diagnostic(`${cuts} cuts`)
    assert.ok(cuts >= wantedCuts, `only ${cuts} connections were cut`)
    assert.equal(report.restore.status, 'done')
    const logs = await assertRestored(stage, topics, mapping)
    for (const [group, stand] of Object.entries(this.#shop.groups)) {
      await assertGroup(stage, topics, logs, group, stand)
    }
    reportOf(await stage.verify(job))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync()
  }

  async #cutWhile(
    running: RunningCli,
    proxy: TcpProxy,
    ways: readonly Cut[],
    headway: (signal: AbortSignal) => Promise<void>,
  ): Promise<CliResult> {
    const over = new AbortController()
    const cutting = cutAgainAndAgain(proxy, ways, () => headway(over.signal), over.signal)
    const result = await running.ended
    over.abort()
    await cutting
    return result
  }
}

/** How many records of a topic a consumer of the target can read, past the proxy: those of open transactions do not count. */
class Landing {
  readonly #stage: Stage
  readonly #topic: string
  readonly #next: bigint[]
  #count = 0

  constructor(stage: Stage, topic: string, partitions: number) {
    this.#stage = stage
    this.#topic = topic
    this.#next = Array.from({ length: partitions }, () => 0n)
  }

  async count(): Promise<number> {
    const { java, target } = this.#stage
    for (const [partition, from] of this.#next.entries()) {
      // Before the topic is made there is nothing to read.
      const records = await java
        .read(target.cluster.bootstrap, this.#topic, partition, { from })
        .catch(() => [])
      this.#next[partition] = (records.at(-1)?.offset ?? from - 1n) + 1n
      this.#count += records.length
    }
    return this.#count
  }
}
