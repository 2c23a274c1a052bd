import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaJars } from '../../test/support/kafka-jars.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import type { Run } from '../child.ts'
import { benchCluster } from '../data.ts'
import { compared } from '../report.ts'
import { crateBackup, crateRestore, ourBackup, ourRestore } from '../sides.ts'

/** Many topics of three records: what is fixed about a topic decides here. */
export async function manyTopics(rounds: number, topics: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using source = await benchCluster()
  await fillTopics(source.bootstrap, topics)
  const backups: Record<'ours' | 'theirs', Run[]> = { ours: [], theirs: [] }
  const restores: Record<'ours' | 'theirs', Run[]> = { ours: [], theirs: [] }
  const job = { folder: folder.path, topics: ['small-*'], compression: 'none' } as const
  for (let round = 0; round < rounds; round++) {
    backups.ours.push(await ourBackup({ ...job, bootstrap: source.bootstrap, archive: 'ours' }))
    backups.theirs.push(await crateBackup({ ...job, bootstrap: source.bootstrap, archive: 'theirs' }))
    for (const side of ['ours', 'theirs'] as const) {
      await using target = await benchCluster()
      const restore = side === 'ours' ? ourRestore : crateRestore
      restores[side].push(await restore({ ...job, bootstrap: target.bootstrap, archive: side }))
    }
    await rm(join(folder.path, 'ours', 'bench', 'restores'), { recursive: true, force: true })
  }
  for (const [name, runs] of [
    ['backup', backups],
    ['restore', restores],
  ] as const) {
    const seconds = (of: readonly Run[]) => of.map((run) => run.wall)
    const question = `${name} of ${topics} topics of 3 records`
    compared({
      question,
      rival: 'crate',
      reach: '≥ 3×',
      unit: 's',
      ours: seconds(runs.ours),
      theirs: seconds(runs.theirs),
      better: 'less',
    })
    const memory = (of: readonly Run[]) => of.map((run) => run.memory / 1e6)
    compared({
      question: `${question}: peak memory`,
      rival: 'crate',
      reach: '',
      unit: 'MB',
      ours: memory(runs.ours),
      theirs: memory(runs.theirs),
      better: 'less',
    })
  }
}

async function fillTopics(bootstrap: string, topics: number): Promise<void> {
  const jars = await kafkaJars('4.2.0')
  const source = new URL('../SmallTopics.java', import.meta.url).pathname
  await promisify(execFile)('java', ['-Xmx512m', '-cp', `${jars}/*`, source, bootstrap, String(topics)], {
    maxBuffer: 1 << 24,
  })
}
