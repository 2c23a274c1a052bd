import type { Clock, Telemetry } from '../../base/index.ts'
import { type Cluster, PositionReader } from '../../kafka/index.ts'
import type { SnapshotPlace } from '../../offsets/index.ts'
import { connectBoth } from '../connect-both.ts'
import type { SyncJob } from '../sync/job.ts'
import { RecordWriter } from '../sync/record-writer.ts'
import { TargetMemory } from '../sync/target-memory.ts'

export interface HandOverContext {
  readonly signal: AbortSignal
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** Where positions are saved before they are changed; `none` only when the user said so. */
  readonly snapshot: SnapshotPlace | 'none'
  /** Ms that the copy may take to get to the group's positions, and to its next records. */
  readonly patience: number
  /** Ms between two looks whether positions move. */
  readonly watch: number
  /** Records keep their time and headers on the target. */
  readonly keeps: { readonly times: boolean; readonly headers: boolean }
}

/** Both clusters, and what the topics on the target say. */
export interface Pair {
  readonly source: Cluster
  readonly target: Cluster
  readonly memory: TargetMemory
  readonly writer: RecordWriter
  readonly sourceReader: PositionReader
  readonly targetReader: PositionReader
}

/** Opens the pair for as long as `work` takes. */
export async function withPair<T>(
  job: SyncJob,
  { signal, telemetry }: HandOverContext,
  work: (pair: Pair) => Promise<T>,
): Promise<T> {
  // They outlive the signal: what was begun can be put back.
  await using clusters = await connectBoth(job, { signal, telemetry })
  const { source, target } = clusters
  await using memory = openMemory(job, target)
  await using writer = new RecordWriter(target, job.controlTopic.name)
  await using sourceReader = new PositionReader(source)
  await using targetReader = new PositionReader(target)
  await memory.refresh(signal)
  return await work({ source, target, memory, writer, sourceReader, targetReader })
}

export function openMemory(job: SyncJob, target: Cluster): TargetMemory {
  return new TargetMemory(target, {
    pipeline: job.name,
    mapTopic: job.mapTopic.name,
    controlTopic: job.controlTopic.name,
    loadTimeout: job.loadTimeout,
  })
}
