import { join } from 'node:path'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { account } from '../child.ts'
import { benchCluster, type DataSet, dataSets, fill } from '../data.ts'
import { compared } from '../report.ts'

/** How much of what our own data connection can fetch a whole backup reaches, with checks and hashes on and no disk in the way. */
export async function shareOfLimit(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using source = await benchCluster()
  for (const set of dataSets(scale).filter(({ codec }) => codec === 'none')) {
    await fill(source.bootstrap, set)
    const ours: number[] = []
    const limit: number[] = []
    for (let round = 0; round < rounds; round++) {
      limit.push(...(await rates('discard', source.bootstrap, set, folder.path)))
      ours.push(...(await rates('backup-to-memory', source.bootstrap, set, folder.path)))
    }
    compared({
      question: `backup of ${set.topic} to memory`,
      rival: 'fetch and discard by the same connection',
      reach: '≥ 0.6×',
      unit: 'MB/s',
      ours,
      theirs: limit,
      better: 'more',
    })
  }
}

async function rates(
  program: string,
  bootstrap: string,
  { topic, bytes }: DataSet,
  folder: string,
): Promise<number[]> {
  const file = new URL(`../programs/${program}.ts`, import.meta.url).pathname
  const command = [process.execPath, file, bootstrap, topic, String(bytes)]
  return (await account(command, join(folder, 'limit.log'))).output.trim().split(' ').map(Number)
}
