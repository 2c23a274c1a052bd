import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { loadRestoreMaps, verifyRestore } from '../../src/restore/index.ts'
import { startCli } from '../support/cli.ts'
import { jobContext } from '../support/jobs.ts'
import { content, RestoreLab, range } from '../support/restore-lab.ts'

const kills = 30
const partitions = 3
const perPartition = 12_000

let lab: RestoreLab

before(async () => {
  // The broker forgets producers whose records are old at once: sequences do not protect anything then.
  lab = await RestoreLab.open({ targetProperties: { 'producer.id.expiration.check.interval.ms': '1000' } })
  await fill('fresh', undefined)
  await fill('old', BigInt(Date.now()) - 2n * 365n * 86_400_000n)
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

for (const topic of ['fresh', 'old']) {
  test(`a restore killed at ${kills} random moments writes every ${topic} record once, and its map and positions are exact`, async () => {
    let killed = 0
    for (let round = 0; killed < kills; round++) {
      const target = `${topic}-${round}`
      const config = await configuration(topic, target, round)
      // How long a run takes differs with the machine: kills are spread over what the last whole run took.
      let length = 4000
      for (;;) {
        const started = performance.now()
        const running = await startCli(['three-phase-restore', '-c', config])
        const patience = randomInt(300, Math.max(400, Math.round(length * 1.1)))
        const ended = await Promise.race([running.ended, delay(patience)])
        if (ended) {
          assert.equal(ended.status, 0, ended.stderr + ended.stdout)
          length = performance.now() - started
          break
        }
        running.process.kill('SIGKILL')
        await running.ended
        killed++
        if (killed % 10 === 0) length = 4000
      }
      await assertComplete(topic, target)
    }
  })
}

async function assertComplete(topic: string, target: string): Promise<void> {
  for (const partition of range(partitions)) {
    const there = await lab.there(topic, partition)
    const here = await lab.here(target, partition)
    assert.equal(here.length, there.length)
    const plain = here.map(({ headers, ...record }) => ({
      ...record,
      headers: headers.filter(({ key }) => !key.startsWith('x-kafka-backup-')),
    }))
    assert.deepEqual(plain.map(content), there.map(content))
  }
  const { maps, unfinished } = await loadRestoreMaps(lab.store, topic)
  assert.deepEqual(unfinished, [])
  assert.equal(
    maps.maps.reduce((sum, map) => sum + map.records, 0),
    partitions * perPartition,
  )
  const report = await verifyRestore(
    {
      backupId: topic,
      target: { bootstrap: [lab.target.bootstrap] },
      restoreId: undefined,
      stateFolder: undefined,
      include: [],
      exclude: [],
      topicRules: [],
      groups: { type: 'all' },
      ignoreMap: false,
      nothingBehind: true,
      memory: 32 << 20,
    },
    jobContext(lab.store),
  )
  assert.deepEqual(report.listed, [])
  assert.equal(report.positions.length, partitions)
}

async function fill(topic: string, timestamp: bigint | undefined): Promise<void> {
  await lab.createTopic(topic, partitions, {
    'retention.ms': '-1',
    'message.timestamp.before.max.ms': '9223372036854775807',
  })
  // What hardly compresses is joined in the copy, whatever its codec.
  const values = range(100).map(() => randomBytes(200).toString('base64'))
  for (const codec of ['none', 'lz4']) {
    await lab.write(
      range((perPartition / 2) * partitions).map((i) => ({
        topic,
        partition: i % partitions,
        key: `${codec}-${i}`,
        value: values[i % values.length] ?? '',
        ...(timestamp !== undefined && { timestamp: timestamp + BigInt(i) }),
      })),
      { 'linger.ms': '5', 'batch.size': '8192', 'compression.type': codec },
    )
  }
  for (const partition of range(partitions)) {
    await lab.java.commitOffset(
      lab.source.bootstrap,
      `group-${topic}`,
      topic,
      partition,
      BigInt(1000 + partition),
    )
  }
  await lab.backup(topic, { include: [topic] })
}

async function configuration(topic: string, target: string, round: number): Promise<string> {
  const file = join(lab.folder.path, `${target}.yaml`)
  // Every other round has the batches decoded and made anew, and every other pair of rounds goes through transactions.
  await writeFile(
    file,
    `mode: restore
backup_id: ${topic}
target:
  bootstrap_servers: [${lab.target.bootstrap}]
storage:
  backend: filesystem
  path: ${lab.folder.path}
restore:
  create_topics: true
  topic_mapping: { ${topic}: ${target} }
  include_original_offset_header: ${round % 2 === 1}
  delivery: ${round % 4 < 2 ? 'idempotent' : 'transactions'}
  rate_limit_bytes_per_sec: 5000000
  settle_ms: 300
  auto_consumer_groups: true
`,
  )
  return file
}
