import { join } from 'node:path'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { account, type Run } from '../child.ts'
import { benchCluster, type DataSet, fill } from '../data.ts'
import { compared, found } from '../report.ts'
import { consumerPerformance, consumerRate } from '../rivals.ts'
import { ourBackup, ourCommand, ourRestore } from '../sides.ts'

/** The map of a restored topic out of the headers of its records, against Kafka's own consumer reading the same topic. */
export async function headerScan(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using target = await benchCluster()
  const records = Math.round(1e6 * scale)
  const set: DataSet = {
    topic: 'bench-headers',
    records,
    recordBytes: 1000,
    bytes: records * 1000,
    codec: 'none',
    partitions: 4,
  }
  const job = { folder: folder.path, topics: [set.topic], compression: 'none', archive: 'ours' } as const
  const cluster = await restoreWithHeaders(set, job, target.bootstrap)
  const scans: Run[] = []
  const consumer: number[] = []
  const scan = [
    ...[...ourCommand, 'show-offset-mapping', '--bootstrap-servers', target.bootstrap, '--topic', set.topic],
    ...['--source-cluster', cluster, '--output', join(folder.path, 'mapping.json')],
  ]
  for (let round = 0; round < rounds; round++) {
    scans.push(await account(scan, join(folder.path, 'scan.log')))
    const command = await consumerPerformance(target.bootstrap, set.topic, records)
    consumer.push(consumerRate((await account(command, join(folder.path, 'consumer.log'))).output))
  }
  const question = `header scan of ${(set.bytes / 1e6).toFixed(0)} MB in ${set.partitions} partitions`
  compared({
    question,
    rival: 'kafka-consumer-perf-test',
    reach: '≥ 1×',
    unit: 'MB/s',
    ours: scans.map((run) => set.bytes / 1e6 / run.wall),
    theirs: consumer,
    better: 'more',
  })
  const most = Math.max(...scans.map((run) => run.memory / 1e6))
  found({ question: `${question}: peak memory`, reach: '< 300 MB', value: `${most.toFixed(0)} MB` })
}

/** Fills the target, and answers the name that the headers give the source. */
async function restoreWithHeaders(
  set: DataSet,
  job: Omit<Parameters<typeof ourBackup>[0], 'bootstrap'>,
  bootstrap: string,
): Promise<string> {
  await using source = await benchCluster()
  await fill(source.bootstrap, set)
  await ourBackup({ ...job, bootstrap: source.bootstrap })
  await ourRestore({ ...job, bootstrap, headers: true })
  return source.clusterId
}
