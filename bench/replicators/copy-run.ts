import { setTimeout as delay } from 'node:timers/promises'
import type { DataSet } from '../data.ts'
import { countRecords } from './judge.ts'
import { LogEnds, lookEvery } from './log-ends.ts'
import { type CopyJob, type Replicator, Running, targetTopic } from './replicator.ts'
import type { Stage } from './stage.ts'
import type { Usage } from './usage.ts'

/** One copy of a whole topic, seen from the target's log. */
export interface CopyRun {
  /** Seconds from the start of the process until the first record could be read on the target. */
  readonly first: number
  /** Seconds from there to the last record. */
  readonly copying: number
  /** MB/s from the first record to the last; what came with the first look does not count. */
  readonly rate: number
  /** MB/s from the start of the process to the last record. */
  readonly wholeRate: number
  /** CPU seconds for a GB, from the start of the process to the last record. */
  readonly cpu: number
  /** The same from the first record to the last. */
  readonly copyingCpu: number
  /** Peak in MB of each process, up to the last record. */
  readonly memory: readonly number[]
}

interface Look {
  /** Seconds since the start of the process. */
  readonly at: number
  readonly total: number
  readonly usage: readonly Usage[]
}

/** Seconds after which a copy is given up that has not moved. */
const patience = 120

/** Starts the system, and ends it when everything has been copied. */
export async function copyRun(stage: Stage, system: Replicator, set: DataSet): Promise<CopyRun> {
  const job = stage.job(set.topic)
  const programs = await system.prepare(job)
  const ends = new LogEnds(stage.targetCluster, targetTopic(job))
  const looks: Look[] = []
  {
    await using running = await Running.start(programs)
    for (let counts = 1; ; counts++) {
      await follow(ends, running, set.records, looks)
      if (await complete(stage, job, set)) break
      if (counts === 20) throw new Error(`${targetTopic(job)} does not become complete`)
    }
  }
  await stage.remove(job)
  return summary(looks, set)
}

/** Looks until the log is long enough and has stood still for a second; keeps the looks at which it had grown. */
async function follow(ends: LogEnds, running: Running, records: number, looks: Look[]): Promise<void> {
  let moved = performance.now()
  for (;;) {
    const total = await ends.total()
    const now = performance.now()
    if (total !== (looks.at(-1)?.total ?? 0)) {
      looks.push({ at: (now - running.started) / 1000, total, usage: running.usage() })
      moved = now
    }
    if (total >= records && now - moved > 1000) return
    if (now - moved > patience * 1000) throw new Error(`The copy stands still at ${total} of ${records}`)
    await running.check()
    await delay(lookEvery)
  }
}

/** Whether as many committed records can be read as there should be: offsets alone also count the markers of transactions. */
async function complete(stage: Stage, job: CopyJob, set: DataSet): Promise<boolean> {
  return (await countRecords(stage.target.bootstrap, targetTopic(job))).records >= set.records
}

function summary(looks: readonly Look[], set: DataSet): CopyRun {
  const [first] = looks
  const last = looks.at(-1)
  if (!first || !last) throw new Error('Nothing was copied')
  const copying = last.at - first.at
  const share = (last.total - first.total) / last.total
  const gigabytes = set.bytes / 1e9
  return {
    first: first.at,
    copying,
    rate: (share * gigabytes * 1000) / copying,
    wholeRate: (gigabytes * 1000) / last.at,
    cpu: cpuOf(last) / gigabytes,
    copyingCpu: (cpuOf(last) - cpuOf(first)) / (share * gigabytes),
    memory: last.usage.map(({ memory }) => memory / 1e6),
  }
}

function cpuOf({ usage }: Look): number {
  return usage.reduce((sum, { cpu }) => sum + cpu, 0)
}
