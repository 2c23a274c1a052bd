import { type DataSet, dataSets, fill } from '../data.ts'
import { type CopyRun, copyRun } from '../replicators/copy-run.ts'
import { exactlyOnce, mirrorMakers } from '../replicators/mirror-maker.ts'
import { openStage, type Stage } from '../replicators/stage.ts'
import { tidemark } from '../replicators/tidemark.ts'
import { type Comparison, compared } from '../report.ts'

/** A topic that is full when the replicator starts: rate, CPU, memory, and how long until the first record is there. */
export async function replication(rounds: number, scale: number): Promise<void> {
  await using stage = await openStage()
  await warmUp(stage)
  for (const set of dataSets(scale).filter(({ codec }) => codec === 'none')) {
    await fill(stage.source.bootstrap, set)
    const systems = [tidemark, ...mirrorMakers]
    const runs = new Map<string, CopyRun[]>(systems.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const system of systems) {
        const run = await copyRun(stage, system, set)
        runs.get(system.name)?.push(run)
        print(system.name, run)
      }
    }
    for (const { name } of mirrorMakers)
      report(set, name, runs.get(tidemark.name) ?? [], runs.get(name) ?? [])
    await stage.sourceCluster.deleteTopics([set.topic])
  }
}

/** Brokers that have done nothing yet would be the first system's loss, and so would the first run of a new installation. */
async function warmUp(stage: Stage): Promise<void> {
  const set = {
    topic: 'warm-up',
    records: 10_000,
    recordBytes: 1000,
    bytes: 1e7,
    codec: 'none',
    partitions: 4,
  }
  await fill(stage.source.bootstrap, set)
  for (const system of [tidemark, exactlyOnce]) await copyRun(stage, system, set)
}

function print(name: string, run: CopyRun): void {
  const memory = run.memory.map((one) => one.toFixed(0)).join(' + ')
  process.stdout.write(
    `  ${name}: first record after ${run.first.toFixed(2)} s, the rest in ${run.copying.toFixed(2)} s, peak ${memory} MB\n`,
  )
}

interface Row extends Pick<Comparison, 'reach' | 'unit' | 'better'> {
  readonly what: string
  readonly of: (run: CopyRun) => number
}

const rows: readonly Row[] = [
  { what: 'first to last record', of: (run) => run.rate, reach: '≥ 3×', unit: 'MB/s', better: 'more' },
  { what: 'start to last record', of: (run) => run.wholeRate, reach: '≥ 3×', unit: 'MB/s', better: 'more' },
  { what: 'start to first record', of: (run) => run.first, reach: '≥ 5×', unit: 's', better: 'less' },
  { what: 'CPU for a GB, start included', of: (run) => run.cpu, reach: '≥ 4×', unit: 's', better: 'less' },
  { what: 'CPU for a GB, copying', of: (run) => run.copyingCpu, reach: '≥ 4×', unit: 's', better: 'less' },
  {
    what: 'peak memory',
    of: ({ memory }) => memory.reduce((sum, one) => sum + one),
    reach: '≥ 5×',
    unit: 'MB',
    better: 'less',
  },
]

function report(set: DataSet, rival: string, ours: readonly CopyRun[], theirs: readonly CopyRun[]): void {
  for (const { what, of, reach, unit, better } of rows) {
    const question = `replication of ${set.topic}, exactly once: ${what}`
    compared({ question, rival, reach, unit, ours: ours.map(of), theirs: theirs.map(of), better })
  }
}
