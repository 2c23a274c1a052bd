import { tempFolder } from '../../test/support/temp-folder.ts'
import { median } from '../child.ts'
import { benchCluster, fill } from '../data.ts'
import { found } from '../report.ts'
import { ourBackup } from '../sides.ts'

/** What a command takes that has next to nothing to do: an upper limit for the time until the first byte is fetched. */
export async function startUp(rounds: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using source = await benchCluster()
  await fill(source.bootstrap, {
    topic: 'tiny',
    records: 10,
    recordBytes: 100,
    bytes: 1000,
    codec: 'none',
    partitions: 1,
  })
  const job = { folder: folder.path, topics: ['tiny'], compression: 'none', archive: 'ours' } as const
  // The first run fills the compile cache.
  await ourBackup({ ...job, bootstrap: source.bootstrap })
  const walls: number[] = []
  for (let round = 0; round < rounds; round++) {
    walls.push((await ourBackup({ ...job, bootstrap: source.bootstrap })).wall)
  }
  found({
    question: 'a whole backup of ten records, from the start of the process to its end',
    reach: 'first byte fetched in < 0.5 s',
    value: `${median(walls).toFixed(2)} s`,
  })
}
