import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { median, type Run } from '../child.ts'
import { benchCluster, type DataSet, deleteTopic, fill } from '../data.ts'
import { found } from '../report.ts'
import { ourBackup, ourRestore } from '../sides.ts'

const megabytes = 1e6
/** 1 KB records: so many bytes over so many partitions. */
const shapes = [
  { bytes: 250 * megabytes, partitions: 4 },
  { bytes: 1000 * megabytes, partitions: 4 },
  { bytes: 2000 * megabytes, partitions: 4 },
  { bytes: 250 * megabytes, partitions: 500 },
  { bytes: 250 * megabytes, partitions: 2000 },
] as const

/** Whether peak memory grows with the size of the data or with the number of partitions. */
export async function memory(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench')
  for (const { bytes, partitions } of shapes) {
    await using source = await benchCluster()
    await using target = await benchCluster()
    const records = Math.round((bytes * scale) / 1000)
    const set: DataSet = {
      topic: 'memory',
      records,
      recordBytes: 1000,
      bytes: records * 1000,
      codec: 'none',
      partitions,
    }
    await fill(source.bootstrap, set)
    const job = { folder: folder.path, topics: [set.topic], compression: 'none', archive: 'ours' } as const
    const backups: Run[] = []
    const restores: Run[] = []
    for (let round = 0; round < rounds; round++) {
      backups.push(await ourBackup({ ...job, bootstrap: source.bootstrap }))
      restores.push(await ourRestore({ ...job, bootstrap: target.bootstrap }))
      await deleteTopic(target.bootstrap, set.topic)
      await rm(join(folder.path, 'ours', 'bench', 'restores'), { recursive: true, force: true })
    }
    for (const [name, runs] of [
      ['backup', backups],
      ['restore', restores],
    ] as const) {
      found({
        question: `${name} of ${set.bytes / megabytes} MB in ${partitions} partitions: peak memory`,
        reach: '1/6 of the crate, not growing',
        value: `${median(runs.map((run) => run.memory / 1e6)).toFixed(0)} MB`,
      })
    }
  }
}
