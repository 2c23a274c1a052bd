import type { Clock, Telemetry, TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { connectBoth } from '../connect-both.ts'
import { validateTopics } from '../control/own-topic-settings.ts'
import type { MapRetention } from '../map-topic/map-line.ts'
import { CommitAges, offsetsRetention } from './commit-ages.ts'
import { ensureTopic } from './control-topics.ts'
import type { SyncJob } from './job.ts'
import { CheckpointWriter } from './mm2-checkpoints.ts'
import { RecordWriter } from './record-writer.ts'
import type { RoundReport } from './round.ts'
import { SyncLoop } from './sync-loop.ts'
import { SyncTurn } from './sync-turn.ts'
import { TargetMemory } from './target-memory.ts'
import { RoundTeller } from './tell-round.ts'

export interface SyncContext {
  readonly signal: AbortSignal
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** After each round that went through. */
  readonly onRound?: (report: RoundReport) => void
  /** Another program has the turn, and this one follows: it would take over. Called again and again. */
  readonly onStandby?: () => void
  /** A round failed in passing; the next one may go through. */
  readonly onTrouble?: (error: TidemarkError) => void
  /** Ends after the first round that went through. */
  readonly once?: boolean
}

/** What the sync did until it ended. */
export interface SyncReport {
  readonly rounds: number
  readonly committed: number
  readonly last: RoundReport | undefined
  readonly interrupted: boolean
}

/**
 * Keeps groups in step until the signal, whenever it has the turn among the programs of the pipeline. Rejects with
 * AUTHORIZATION_FAILED, CONFIG_INVALID or TOPIC_NOT_FOUND before any work, with GROUP_ACTIVE or MAPPING_CONFLICT where the job asks for it,
 * with TURN_TAKEN when one round is asked for and another program runs on, and with whatever will not pass by itself. What may pass is
 * logged, and tried again in the next round.
 */
export async function runSync(job: SyncJob, context: SyncContext): Promise<SyncReport> {
  const { signal, telemetry } = context
  // The round under way is finished after the signal: clusters live on until then.
  await using clusters = await connectBoth(job, context)
  const { source, target } = clusters
  signal.throwIfAborted()
  await using turn = await SyncTurn.open(target, job, {
    ...{ signal, telemetry, clock: context.clock },
    once: context.once ?? false,
    onTrouble: (error) => context.onTrouble?.(error),
  })
  await prepareTopics(job, target, context)
  await using memory = new TargetMemory(target, {
    pipeline: job.name,
    mapTopic: job.mapTopic.name,
    controlTopic: job.controlTopic.name,
    loadTimeout: job.loadTimeout,
  })
  await using writer = new RecordWriter(target, job.controlTopic.name)
  await using checkpoints =
    job.mm2Alias === undefined ? undefined : await CheckpointWriter.open(target, job.mm2Alias)
  const retention = await offsetsRetention(target)
  if (retention === undefined) {
    telemetry.log('warn', 'offsets.retention.minutes of the target may not be read: a day is assumed')
  }
  const ages = new CommitAges(retention)
  const keeping = await mapRetention(job, target)
  const teller = new RoundTeller(telemetry)
  telemetry.log('info', `Keeping groups in step: ${source.clusterId} → ${target.clusterId}`, {
    pipeline: job.name,
    groups: job.groups.join(', '),
    every: `${job.pollInterval} ms`,
  })
  const loop = new SyncLoop(job, context, {
    source,
    target,
    turn,
    memory,
    writer,
    ages,
    checkpoints,
    keeping,
    teller,
  })
  return await loop.run()
}

async function prepareTopics(
  job: SyncJob,
  target: Cluster,
  { clock, signal, telemetry }: SyncContext,
): Promise<void> {
  const options = { checks: job.creationChecks, clock, signal, telemetry }
  await ensureTopic(target, job.controlTopic, { ...options, kind: 'control' })
  await ensureTopic(target, job.mapTopic, { ...options, kind: 'map' })
  if (!job.validateTopics) return
  await validateTopics(target, [
    { name: job.controlTopic.name, kind: 'compacted' },
    { name: job.mapTopic.name, kind: 'history' },
  ])
}

/** `topic`: as long as the mapping topic keeps its records. */
async function mapRetention({ mapKeeping, mapTopic }: SyncJob, target: Cluster): Promise<MapRetention> {
  const { count, time } = mapKeeping
  if (time !== 'topic') return { count, time }
  const configs = (await target.topicConfigs([mapTopic.name])).get(mapTopic.name) ?? []
  const ms = Number(configs.find(({ name }) => name === 'retention.ms')?.value ?? -1)
  return { count, time: ms > 0 ? ms : undefined }
}
