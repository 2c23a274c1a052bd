import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestCluster } from '../../test/support/brokers.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { account, type Run } from '../child.ts'
import { benchCluster, type DataSet, dataSets, deleteTopic, fill } from '../data.ts'
import { compared } from '../report.ts'
import { consumerPerformance, consumerRate, crate } from '../rivals.ts'
import { crateBackup, crateRestore, type JobFile, ourBackup, ourRestore } from '../sides.ts'

/** MB/s, CPU and memory of backup and restore, ours and the rivals' in turn. */
export async function throughput(rounds: number, scale: number): Promise<void> {
  await crate()
  await using folder = await tempFolder('bench')
  for (const set of dataSets(scale)) {
    process.stdout.write(
      `\n${set.topic}: ${set.records} records of ${set.recordBytes} bytes, codec ${set.codec}\n`,
    )
    await using source = await benchCluster()
    await fill(source.bootstrap, set)
    const job = {
      folder: folder.path,
      bootstrap: source.bootstrap,
      topics: [set.topic],
      compression: 'none',
    } as const
    await backups(rounds, set, job)
    await using target = await benchCluster()
    await restores(rounds, set, { ...job, bootstrap: target.bootstrap }, target, folder.path)
  }
}

async function backups(rounds: number, set: DataSet, job: Omit<JobFile, 'archive'>): Promise<void> {
  const ours: Run[] = []
  const oursZstd: Run[] = []
  const crates: Run[] = []
  const cratesZstd: Run[] = []
  const consumer: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await ourBackup({ ...job, archive: 'ours' }))
    const command = await consumerPerformance(job.bootstrap, set.topic, set.records)
    consumer.push(consumerRate((await account(command, join(job.folder, 'consumer.log'))).output))
    crates.push(await crateBackup({ ...job, archive: 'theirs' }))
    if (set.codec === 'none') {
      oursZstd.push(await ourBackup({ ...job, archive: 'ours-zstd', compression: 'zstd' }))
      cratesZstd.push(await crateBackup({ ...job, archive: 'theirs-zstd', compression: 'zstd' }))
      for (const name of ['ours-zstd', 'theirs-zstd'])
        await rm(join(job.folder, name), { recursive: true, force: true })
    }
  }
  const small = set.recordBytes < 1000
  const name = `backup of ${set.topic}`
  const rate = (runs: readonly Run[]) => runs.map((run) => set.bytes / 1e6 / run.wall)
  compared({
    question: name,
    rival: 'kafka-consumer-perf-test',
    reach: '≥ 2×',
    unit: 'MB/s',
    ours: rate(ours),
    theirs: consumer,
    better: 'more',
  })
  compared({
    question: name,
    rival: 'crate',
    reach: small ? '≥ 3.5×' : '≥ 2×',
    unit: 'MB/s',
    ours: rate(ours),
    theirs: rate(crates),
    better: 'more',
  })
  resources(name, set, ours, crates, 2)
  if (oursZstd.length > 0) {
    compared({
      question: `${name}, zstd`,
      rival: 'crate, zstd',
      reach: '≥ 1.2×',
      unit: 'MB/s',
      ours: rate(oursZstd),
      theirs: rate(cratesZstd),
      better: 'more',
    })
  }
}

async function restores(
  rounds: number,
  set: DataSet,
  job: Omit<JobFile, 'archive'>,
  target: TestCluster,
  folder: string,
): Promise<void> {
  const runs: Record<'ours' | 'theirs' | 'oursHeaders' | 'theirsHeaders', Run[]> = {
    ours: [],
    theirs: [],
    oursHeaders: [],
    theirsHeaders: [],
  }
  for (let round = 0; round < rounds; round++) {
    runs.ours.push(await onFresh(set, target, () => ourRestore({ ...job, archive: 'ours' })))
    await rm(join(folder, 'ours', 'bench', 'restores'), { recursive: true, force: true })
    runs.theirs.push(await onFresh(set, target, () => crateRestore({ ...job, archive: 'theirs' })))
    runs.oursHeaders.push(
      await onFresh(set, target, () => ourRestore({ ...job, archive: 'ours', headers: true })),
    )
    await rm(join(folder, 'ours', 'bench', 'restores'), { recursive: true, force: true })
    runs.theirsHeaders.push(
      await onFresh(set, target, () => crateRestore({ ...job, archive: 'theirs', headers: true })),
    )
  }
  const name = `restore of ${set.topic}`
  const rate = (of: readonly Run[]) => of.map((run) => set.bytes / 1e6 / run.wall)
  const reach = set.recordBytes < 1000 ? '≥ 4.5×' : '≥ 2.8×'
  compared({
    question: name,
    rival: 'crate',
    reach,
    unit: 'MB/s',
    ours: rate(runs.ours),
    theirs: rate(runs.theirs),
    better: 'more',
  })
  resources(name, set, runs.ours, runs.theirs, 4)
  compared({
    question: `${name}, headers added`,
    rival: 'crate, headers on',
    reach: '≥ 1.2×',
    unit: 'MB/s',
    ours: rate(runs.oursHeaders),
    theirs: rate(runs.theirsHeaders),
    better: 'more',
  })
}

function resources(
  name: string,
  set: DataSet,
  ours: readonly Run[],
  theirs: readonly Run[],
  cpu: number,
): void {
  const seconds = (runs: readonly Run[]) => runs.map((run) => ((run.user + run.system) / set.bytes) * 1e9)
  const memory = (runs: readonly Run[]) => runs.map((run) => run.memory / 1e6)
  compared({
    question: `${name}: CPU for a GB`,
    rival: 'crate',
    reach: `≥ ${cpu}×`,
    unit: 's',
    ours: seconds(ours),
    theirs: seconds(theirs),
    better: 'less',
  })
  compared({
    question: `${name}: peak memory`,
    rival: 'crate',
    reach: '≥ 6×',
    unit: 'MB',
    ours: memory(ours),
    theirs: memory(theirs),
    better: 'less',
  })
}

async function onFresh<T>(set: DataSet, target: TestCluster, work: () => Promise<T>): Promise<T> {
  const result = await work()
  await deleteTopic(target.bootstrap, set.topic)
  return result
}
