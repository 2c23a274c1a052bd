import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openBackup } from '../../src/archive/index.ts'
import { batches, header } from '../../src/records/index.ts'
import { openStore } from '../../src/storage/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { command, runCommand, startCommand } from '../support/command.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const partitions = 4
const perPartition = 30_000
const kills = 100

let cluster: TestCluster
let java: JavaClient
let folder: TempFolder

before(async () => {
  ;[cluster, java, folder] = await Promise.all([startCluster(), startJavaClient(), tempFolder('kill')])
  await fill('fresh', undefined)
  await fill('old', BigInt(Date.now()) - 2n * 365n * 86_400_000n)
})

after(async () => {
  await java[Symbol.asyncDispose]()
  await cluster[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

for (const topic of ['fresh', 'old']) {
  test(`a backup killed at ${kills} random moments holds every ${topic} record exactly once in the end`, async () => {
    let killed = 0
    for (let round = 0; killed < kills; round++) {
      const backupId = `${topic}-${round}`
      const config = await configuration(backupId, topic)
      // How long a run takes differs with the machine: kills are spread over what the last whole run took.
      let length = 1500
      for (;;) {
        const started = performance.now()
        const running = startCommand(['backup', '--config', config])
        const patience = randomInt(1, Math.max(2, Math.round(length * 1.2)))
        const ended = await Promise.race([running.result, delay(patience)])
        if (ended) {
          assert.equal(ended.code, 0, ended.stderr)
          length = performance.now() - started
          break
        }
        running.child.kill('SIGKILL')
        await running.result
        killed++
        const valid = await runCommand(['validate', '--path', folder.path, '--backup-id', backupId, '--deep'])
        assert.ok(valid.code === 0 || valid.stderr.includes('BACKUP_NOT_FOUND'), valid.stderr + valid.stdout)
      }
      await command(['validate', '--path', folder.path, '--backup-id', backupId, '--deep'])
      await assertComplete(backupId, topic)
    }
  })
}

async function fill(topic: string, timestamp: bigint | undefined): Promise<void> {
  await kafkaTool('topics', [
    ...[
      '--bootstrap-server',
      cluster.bootstrap,
      '--create',
      '--topic',
      topic,
      '--partitions',
      String(partitions),
    ],
    ...['--config', 'retention.ms=-1', '--config', 'message.timestamp.before.max.ms=9223372036854775807'],
  ])
  const producer = await java.producer({
    'bootstrap.servers': cluster.bootstrap,
    'linger.ms': '5',
    'batch.size': '16384',
  })
  const value = 'v'.repeat(400)
  for (let i = 0; i < perPartition; i++) {
    for (let partition = 0; partition < partitions; partition++) {
      producer.send({
        topic,
        partition,
        key: `${partition}-${i}`,
        value,
        ...(timestamp && { timestamp: timestamp + BigInt(i) }),
      })
    }
  }
  await producer.flush()
  await producer.close()
}

async function configuration(backupId: string, topic: string): Promise<string> {
  const file = join(folder.path, `${backupId}.yaml`)
  await writeFile(
    file,
    `mode: backup
backup_id: ${backupId}
source:
  bootstrap_servers: [${cluster.bootstrap}]
  topics:
    include: [${topic}]
storage:
  backend: filesystem
  path: ${folder.path}
backup:
  commit_interval: 50ms
  commit_bytes: 2000000
  fetch_max_bytes: 200000
`,
  )
  return file
}

/** The archive's batches cover every offset from 0 to the end once, in order, and hold all records. */
async function assertComplete(backupId: string, topic: string): Promise<void> {
  await using store = await openStore(folder.path, {})
  await using backup = await openBackup(store, backupId)
  const index = await backup.topic(topic)
  for (let partition = 0; partition < partitions; partition++) {
    const found = index.partitions.get(partition)
    assert.ok(found, `partition ${partition} is missing`)
    let next = 0n
    let records = 0
    for (const { chunk } of found.chunks) {
      const bytes = await backup.read(chunk)
      for (const at of batches(bytes, 0, bytes.length)) {
        assert.equal(header.baseOffset(bytes, at), next, `${topic}-${partition} in ${chunk.object}`)
        next = header.nextOffset(bytes, at)
        records += header.recordsCount(bytes, at)
      }
    }
    assert.equal(records, perPartition)
    assert.equal(next, BigInt(perPartition))
    assert.equal(found.next, BigInt(perPartition))
  }
}
