import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type JavaClient, startJavaClient } from '../../test/support/java-client.ts'
import { median } from '../child.ts'
import { countRecords } from '../replicators/judge.ts'
import { LogEnds, lookEvery } from '../replicators/log-ends.ts'
import { mirrorMakers } from '../replicators/mirror-maker.ts'
import { type CopyJob, type Replicator, Running, targetTopic } from '../replicators/replicator.ts'
import { openStage, type Stage } from '../replicators/stage.ts'
import { SteadyLoad } from '../replicators/steady-load.ts'
import { tidemark } from '../replicators/tidemark.ts'
import { compared, found } from '../report.ts'

/** Records a second that are written all the time. */
const rate = 2000
/** Seconds after which a restart counts as that long, whatever comes later. */
const patience = 120
/** Seconds after which a system is not killed again: one that takes long to come back is killed less often. */
const killing = 120

interface Outcome {
  readonly missing: number
  readonly repeated: number
  /** Seconds from each restart until a record came. */
  readonly flowing: readonly number[]
}

/**
 * Ten kills under load, or as many as there is time for: what is lost, what comes twice, and how long until records flow again. One run of each
 * system, whatever the number of rounds: the kills are the repetitions.
 */
export async function replicationKills(scale: number): Promise<void> {
  const kills = Math.max(1, Math.round(10 * scale))
  await using stage = await openStage()
  await using writer = await startJavaClient()
  await using reader = await startJavaClient()
  const ours = await killed(stage, writer, reader, tidemark, kills)
  print(tidemark.name, ours, '0 and 0')
  for (const system of mirrorMakers) {
    const theirs = await killed(stage, writer, reader, system, kills)
    print(system.name, theirs, '')
    if (theirs.flowing.length < kills) {
      found({
        question: `kills of ${kills} for which there was time in ${killing} s, ${system.name}`,
        ...{ reach: '', value: String(theirs.flowing.length) },
      })
    }
    compared({
      question: `from a restart after SIGKILL until records flow, ${ours.flowing.length} kills against ${theirs.flowing.length}`,
      ...{ rival: system.name, reach: '', unit: 's', better: 'less' },
      ...{ ours: ours.flowing, theirs: theirs.flowing },
    })
  }
}

function print(name: string, { missing, repeated, flowing }: Outcome, reach: string): void {
  const what = `records lost and repeated after ${flowing.length} kills under load, ${name}`
  found({ question: what, reach, value: `${missing} and ${repeated}` })
  const times = `median ${median(flowing).toFixed(2)} s, longest ${Math.max(...flowing).toFixed(2)} s`
  const question = `from a restart until records flow, ${name}`
  found({ question, reach: reach === '' ? '' : '≤ 5 s', value: times })
}

async function killed(
  stage: Stage,
  writer: JavaClient,
  reader: JavaClient,
  system: Replicator,
  kills: number,
): Promise<Outcome> {
  const job = stage.job(`load-${system.name.replaceAll(/\W+/g, '-')}`)
  const flow = new Flow(stage, job, reader)
  const load = await SteadyLoad.start(writer, stage.source.bootstrap, job.topic, rate)
  const programs = await system.prepare(job)
  let running = await Running.start(programs)
  try {
    await flow.untilRecord(running)
    const flowing: number[] = []
    const began = performance.now()
    while (flowing.length < kills && (flowing.length === 0 || performance.now() - began < killing * 1000)) {
      await delay(randomInt(300, 1500))
      await running.kill()
      // What had been sent may still land.
      await flow.settle()
      running = await Running.start(programs)
      const seconds = await flow.untilRecord(running)
      flowing.push(seconds)
      process.stdout.write(
        `  ${system.name}: records flow ${seconds.toFixed(2)} s after restart ${flowing.length}\n`,
      )
    }
    const written = await load.stop()
    return { flowing, ...(await counted(stage, job, flow, written)) }
  } finally {
    await running.kill()
    await load.stop()
    await stage.remove(job)
    await stage.sourceCluster.deleteTopics([job.topic])
  }
}

/** Counts when nothing is missing any more, or nothing has come for ten seconds. */
async function counted(stage: Stage, job: CopyJob, flow: Flow, written: number) {
  for (let before = -1; ; ) {
    await flow.ends.untilStill(2000)
    const { records, different } = await countRecords(stage.target.bootstrap, targetTopic(job))
    const missing = written - different
    if (missing === 0 || records === before) return { missing, repeated: records - different }
    before = records
    await delay(8000)
  }
}

/** Sees whether committed records come to the target. */
class Flow {
  readonly ends: LogEnds
  readonly #read: (partition: number, from: bigint) => Promise<boolean>
  #before: readonly bigint[] = []

  constructor(stage: Stage, job: CopyJob, java: JavaClient) {
    const topic = targetTopic(job)
    this.ends = new LogEnds(stage.targetCluster, topic)
    this.#read = async (partition, from) =>
      (await java.read(stage.target.bootstrap, topic, partition, { from, max: 1 })).length > 0
  }

  /** Takes the ends as they are when nothing comes any more as those behind which records are new. */
  async settle(): Promise<void> {
    await this.ends.untilStill(200)
    this.#before = await this.ends.look()
  }

  /** Seconds from the start of the processes until there is a record that was not there before. */
  async untilRecord(running: Running): Promise<number> {
    const deadline = performance.now() + patience * 1000
    while (performance.now() < deadline) {
      const ends = await this.ends.look()
      const seen = performance.now()
      for (const [partition, end] of ends.entries()) {
        const before = this.#before[partition] ?? 0n
        // A marker moves the end as well.
        if (end > before && (await this.#read(partition, before))) return (seen - running.started) / 1000
      }
      await running.check()
      await delay(lookEvery)
    }
    return patience
  }
}
