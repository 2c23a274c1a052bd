import { type Cluster, connectCluster } from '../kafka/index.ts'
import { openMemory } from './fail-over/pair.ts'
import type { MapEvent } from './map-topic/map-event.ts'
import { CommitAges } from './sync/commit-ages.ts'
import type { SyncJob } from './sync/job.ts'
import { readSourceGroups } from './sync/read-groups.ts'
import { RecordWriter } from './sync/record-writer.ts'
import { type RoundReport, syncRound } from './sync/round.ts'
import type { SyncContext } from './sync/run-sync.ts'

/** Where the copy of one source partition stands, as the topics on the target tell. */
export interface SurveyedPartition {
  readonly pipeline: string
  readonly topic: string
  readonly partition: number
  readonly targetTopic: string
  /** Source offset up to which everything is copied or accounted for. */
  readonly copied: bigint
  /** Last stable offset of the source; undefined where the partition is gone. */
  readonly sourceEnd: bigint | undefined
  /** From here on the map is complete; undefined = it has everything. */
  readonly completeFrom: bigint | undefined
  readonly mappings: number
  /** Ms since the epoch, of the newest entry of the map. */
  readonly written: number
  readonly events: readonly MapEvent[]
}

/** What a pipeline looks like from outside: read from both clusters, without asking its workers. */
export interface Survey {
  readonly pipeline: string
  readonly sourceClusterId: string
  readonly targetClusterId: string
  readonly partitions: readonly SurveyedPartition[]
  /** What a round of the sync would do now. */
  readonly groups: RoundReport
  /** Groups that were handed over: by what, and when in ms since the epoch. */
  readonly handedOver: readonly { readonly group: string; readonly since: number; readonly by: string }[]
}

/** Looks at a pipeline. Changes nothing. */
export async function surveyPipeline(
  job: SyncJob,
  { signal, telemetry, clock }: Pick<SyncContext, 'signal' | 'telemetry' | 'clock'>,
): Promise<Survey> {
  await using source = await connectCluster(job.source, { signal, telemetry })
  await using target = await connectCluster(job.target, { signal, telemetry })
  await using memory = openMemory(job, target)
  await using writer = new RecordWriter(target, job.controlTopic.name)
  const found = await readSourceGroups(source, job.groups, signal)
  const groups = await syncRound(found, {
    job,
    source,
    target,
    memory,
    writer,
    ages: new CommitAges(undefined),
    clock,
    telemetry,
    signal,
    turn: undefined,
    dryRun: true,
  })
  const lines = memory.table.lines.filter(({ key }) => key.cluster === source.clusterId)
  const ends = await endsOf(
    source,
    lines.map(({ key }) => key),
    signal,
  )
  return {
    pipeline: job.name,
    sourceClusterId: source.clusterId,
    targetClusterId: target.clusterId,
    groups,
    handedOver: [...memory.handOvers].map(([group, { since, by }]) => ({ group, since, by })),
    partitions: lines
      .map(
        (line): SurveyedPartition => ({
          pipeline: line.pipeline,
          topic: line.key.topic,
          partition: line.key.partition,
          targetTopic: line.targetTopic,
          copied: line.to,
          sourceEnd: ends.get(`${line.key.topic}/${line.key.partition}`),
          completeFrom: line.completeFrom,
          mappings: line.mappings,
          written: line.written,
          events: line.events,
        }),
      )
      .sort(byPlace),
  }
}

async function endsOf(
  source: Cluster,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  if (partitions.length === 0) return new Map()
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  const infos = await source.topics(names, { signal })
  const asked = infos.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition, at: 'last-stable' as const })),
  )
  const ends = await source.listOffsets(asked, { signal })
  return new Map(
    ends.flatMap(({ topic, partition, offset }) =>
      offset === undefined ? [] : [[`${topic}/${partition}`, offset] as const],
    ),
  )
}

function byPlace(a: SurveyedPartition, b: SurveyedPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
