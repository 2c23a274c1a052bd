import type { BackupReader, ChunkPool, PartitionIndex } from '../../archive/index.ts'
import type { SlabPool, TimeRange } from '../../records/index.ts'
import type { RestoreJob } from '../job.ts'
import type { Lane } from '../plan/plan-types.ts'
import { chunksInWindow } from '../plan/source-topics.ts'
import { type HeaderEdit, HeaderEditor } from '../recode/header-editor.ts'
import type { BatchWish } from './batch-verdict.ts'
import type { BudgetShare } from './budget-share.ts'
import { ChunkFeed } from './chunk-feed.ts'
import type { OutputPartition } from './output-partition.ts'
import type { TransactionChoice } from './transaction-choice.ts'

/** What a lane needs to run. */
export interface LaneContext {
  readonly job: RestoreJob
  readonly lane: Lane
  readonly reader: BackupReader
  /** Memory for chunks. */
  readonly budget: BudgetShare
  /** Where straight lanes take that memory from. */
  readonly pool?: ChunkPool
  /** Memory for batches that are built anew. */
  readonly slabs: SlabPool
  readonly signal: AbortSignal
  /** Largest batch that the target takes. */
  readonly limit: number
  /** Value of the cluster header. */
  readonly sourceName: string
  /** By place of the output in the lane. */
  readonly outputs: readonly OutputPartition[]
  /** By transaction mode: what is taken of an input; else undefined. */
  readonly transactions: ((input: number) => TransactionChoice) | undefined
  /** The archive's index of an input's partition; undefined when it holds nothing of it. */
  readonly index: (input: number) => Promise<PartitionIndex | undefined>
  /** Told of the largest time of batches that are handed out, ms; −1 for none. */
  readonly onBatchTime: (maxTimestamp: number) => void
}

/** How an input's headers are edited; undefined = not at all. */
export function headerEdit(job: RestoreJob, partition: number, cluster: string): HeaderEdit | undefined {
  if (job.addOffsetHeaders) return { type: 'add', partition, cluster }
  return job.stripOffsetHeaders ? { type: 'strip' } : undefined
}

/** A fresh editor for an input, where there is something to edit. */
export function inputEditor(context: LaneContext, input: number): HeaderEditor | undefined {
  const partition = context.lane.inputs[input]?.source.partition ?? 0
  const edit = headerEdit(context.job, partition, context.sourceName)
  return edit && new HeaderEditor(edit)
}

/** The times that are wanted, judged by record. */
export function timeRange(job: RestoreJob): TimeRange | undefined {
  return job.window && { start: job.window.start, end: job.window.end }
}

/** What is wanted of an input's batches. */
export function wishOf(context: LaneContext, input: number): BatchWish {
  const { job, lane, limit } = context
  const from = lane.inputs[input]
  return {
    range: timeRange(job),
    transactions: context.transactions?.(input),
    editsHeaders: job.addOffsetHeaders || job.stripOffsetHeaders,
    limit,
    place: { topic: from?.topic ?? '', partition: from?.source.partition ?? -1 },
  }
}

/** The chunks of an input from a source offset on. */
export async function openFeed(
  context: LaneContext,
  input: number,
  from: bigint,
  options: { readonly ahead?: boolean; readonly window?: number; readonly pool?: ChunkPool } = {},
): Promise<ChunkFeed> {
  const index = await context.index(input)
  const chunks = chunksInWindow(index?.chunks ?? [], context.job.window)
  const wanted = chunks.filter((ref) => ref.to > from)
  return new ChunkFeed(context.reader, wanted, context.budget, { signal: context.signal, ...options })
}
