import { startJavaClient } from '../../test/support/java-client.ts'
import { median } from '../child.ts'
import { type GroupRun, groupRun, lags } from '../replicators/group-run.ts'
import { finestOffsets, mirrorMakers } from '../replicators/mirror-maker.ts'
import { interval, openStage } from '../replicators/stage.ts'
import { tidemark } from '../replicators/tidemark.ts'
import { compared, found } from '../report.ts'

/** Groups on the target: how soon they follow a commit, and how many records they would read again after a fail-over. */
export async function replicationGroups(rounds: number, scale: number): Promise<void> {
  await using stage = await openStage()
  await using java = await startJavaClient()
  const perPartition = Math.max(30_000, Math.round(150_000 * scale))
  const systems = [tidemark, ...mirrorMakers, finestOffsets]
  const runs = new Map<string, GroupRun[]>(systems.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [i, system] of systems.entries()) {
      // A variant of theirs, and slow to settle: once is enough to see what it is worth.
      if (system === finestOffsets && round > 0) continue
      const run = await groupRun(stage, java, system, `numbered-${round}-${i}`, perPartition)
      runs.get(system.name)?.push(run)
      print(system.name, run)
    }
  }
  const ours = runs.get(tidemark.name) ?? []
  for (const [name, theirs] of runs) {
    if (name !== tidemark.name) compareDelays(name, ours, theirs)
    reportDelays(name, theirs)
    for (const lag of lags) reportLag(name, theirs, lag)
  }
}

function print(name: string, { delays, deviations }: GroupRun): void {
  const shown = deviations.map(
    ({ lag, readAgain, skipped }) => `${lag} behind: ${readAgain} again, ${skipped} skipped`,
  )
  process.stdout.write(`  ${name}: commits after ${median(delays).toFixed(2)} s; ${shown.join('; ')}\n`)
}

function delaysOf(runs: readonly GroupRun[]): number[] {
  return runs.flatMap(({ delays }) => delays)
}

function compareDelays(rival: string, ours: readonly GroupRun[], theirs: readonly GroupRun[]): void {
  compared({
    question: `from a commit on the source to the commit on the target, every ${interval} s`,
    ...{ rival, reach: '', unit: 's', better: 'less' },
    ...{ ours: delaysOf(ours), theirs: delaysOf(theirs) },
  })
}

function reportDelays(name: string, runs: readonly GroupRun[]): void {
  const delays = delaysOf(runs)
  found({
    question: `from a commit on the source to the commit on the target, every ${interval} s, ${name}`,
    reach: name === tidemark.name ? `≤ ${(interval + 0.1).toFixed(1)} s` : '',
    value: `median ${median(delays).toFixed(2)} s, longest ${Math.max(...delays).toFixed(2)} s`,
  })
}

function reportLag(name: string, runs: readonly GroupRun[], lag: number): void {
  const seen = runs.flatMap(({ deviations }) => deviations.filter((one) => one.lag === lag))
  const numbers = (of: readonly number[]) => `${median(of)} (most ${Math.max(...of)})`
  found({
    question: `records read again, and skipped, by a group ${lag} records behind at fail-over, ${name}`,
    reach: name === tidemark.name ? '0 and 0' : '',
    value: `${numbers(seen.map((one) => one.readAgain))} and ${numbers(seen.map((one) => one.skipped))}`,
  })
}
