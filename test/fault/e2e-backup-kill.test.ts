import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { cli, startCli } from '../support/cli.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, type SeenRecord, startJavaClient } from '../support/java-client.ts'
import { backupFile } from '../support/job-files.ts'
import { archivedRecords, assertSameLog, assertValid } from '../support/record-lists.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const partitions = 4
const perPartition = 20_000
/** `TIDEMARK_KILLS` asks for fewer, for a quick trial. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 100)
const twoYears = 2n * 365n * 86_400_000n

let cluster: TestCluster
let java: JavaClient
let folder: TempFolder

before(async () => {
  ;[cluster, java, folder] = await Promise.all([startCluster(), startJavaClient(), tempFolder('kill')])
})

after(async () => {
  await java?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

for (const [topic, timestamp] of [
  ['fresh', undefined],
  ['old', BigInt(Date.now()) - twoYears],
] as const) {
  test(`a backup killed at ${kills} random moments holds every ${topic} record exactly once in the end`, async (t) => {
    const written = await fill(topic, timestamp)
    let killed = 0
    let rounds = 0
    let length = 1500
    for (; killed < kills; rounds++) {
      const backupId = `${topic}-${rounds}`
      const config = await backupFile(folder.path, {
        backupId,
        bootstrap: cluster.bootstrap,
        topics: [topic],
        path: folder.path,
        // Small responses and frequent commits, so that a kill finds each of its steps under way.
        backup: { commit_interval: '50ms', commit_bytes: 2_000_000, fetch_max_bytes: 200_000 },
      })
      for (;;) {
        const started = performance.now()
        const running = await startCli(['backup', '--config', config])
        // How long a run takes differs with the machine: kills are spread over what the last whole run took,
        // and come later when none ends.
        const patience = randomInt(1, Math.max(2, Math.round(length * 1.1)))
        const ended = await Promise.race([running.ended, delay(patience)])
        if (ended) {
          assert.equal(ended.status, 0, ended.stderr)
          length = performance.now() - started
          break
        }
        running.process.kill('SIGKILL')
        const { signal } = await running.ended
        if (signal === 'SIGKILL') killed++
        length *= 1.05
        await assertValid(folder.path, backupId)
      }
      await cli(['validate', '--path', folder.path, '--backup-id', backupId, '--deep'])
      for (const [partition, expected] of written.entries()) {
        const held = await archivedRecords(folder.path, backupId, topic, partition)
        assertSameLog(held, expected, `${backupId}: ${topic}/${partition}`)
      }
    }
    t.diagnostic(`${killed} kills over ${rounds} backups`)
  })
}

/** Fills a topic; what Kafka's own client reads of each partition. */
async function fill(topic: string, timestamp: bigint | undefined): Promise<SeenRecord[][]> {
  const admin = new JavaAdmin(java, cluster.bootstrap)
  await admin.createTopic(topic, partitions, {
    'retention.ms': '-1',
    'message.timestamp.before.max.ms': '9223372036854775807',
  })
  const producer = await java.producer({ 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '5' })
  await producer.fill({ topic, partitions, count: perPartition, timestamp, size: 400 })
  await producer.close()
  const seen: SeenRecord[][] = []
  for (let partition = 0; partition < partitions; partition++) {
    seen.push(await java.read(cluster.bootstrap, topic, partition))
  }
  return seen
}
