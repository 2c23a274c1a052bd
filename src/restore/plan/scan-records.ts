import type { BackupReader, ChunkRef } from '../../archive/index.ts'
import { invariant, TidemarkError } from '../../base/index.ts'
import { batchEnd, header, RecordCursor, recodeBatch, recordInRange } from '../../records/index.ts'
import { type BatchWish, judgeBatch } from '../copy/batch-verdict.ts'
import { headerEdit, timeRange } from '../copy/lane-context.ts'
import type { RestoreJob } from '../job.ts'
import { HeaderEditor } from '../recode/header-editor.ts'
import { roomFor } from './batch-room.ts'
import type { LaneInput, Obstacle, PlannedTopic, RestorePlan } from './plan-types.ts'
import { chunksInWindow } from './source-topics.ts'

/** An obstacle; of a batch that is too large, its bytes. */
interface Found extends Obstacle {
  readonly size?: number
}

/** Obstacles of one topic after which no more are looked for. */
const ENOUGH = 10

/**
 * Looks into the records where the plan could not tell: for those that the target does not take however they are packed, and
 * for those without a key that go to a compacted topic, which would drop them. Most restores need none of this.
 */
export async function scanRecords(
  reader: BackupReader,
  job: RestoreJob,
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<readonly Obstacle[]> {
  const obstacles: Obstacle[] = []
  for (const topic of plan.topics) {
    if (!topic.scan.sizes && !topic.scan.nullKeys) continue
    const found: Found[] = []
    for (const input of topic.lanes.flatMap((lane) => lane.inputs)) {
      if (found.length >= ENOUGH) break
      await scanInput({ reader, job, plan, topic, input, found, signal })
    }
    obstacles.push(...found.map((obstacle) => withSize(obstacle, topic, found)))
  }
  return obstacles
}

interface Scan {
  readonly reader: BackupReader
  readonly job: RestoreJob
  readonly plan: RestorePlan
  readonly topic: PlannedTopic
  readonly input: LaneInput
  readonly found: Found[]
  readonly signal: AbortSignal
}

async function scanInput(scan: Scan): Promise<void> {
  const { reader, job, plan, topic, input, signal } = scan
  const { partition } = input.source
  const index = (await reader.topic(input.topic, input.topicId)).partitions.get(partition)
  const wish: BatchWish = {
    // Which transactions are taken is not known yet: all of their records are looked at.
    range: job.window?.mode === 'transaction' ? undefined : timeRange(job),
    transactions: undefined,
    editsHeaders: job.addOffsetHeaders || job.stripOffsetHeaders,
    limit: topic.limit,
    place: { topic: input.topic, partition },
  }
  const edit = headerEdit(job, partition, plan.sourceName)
  const editor = edit && new HeaderEditor(edit)
  for (const ref of chunksInWindow(index?.chunks ?? [], job.window)) {
    if (scan.found.length >= ENOUGH) return
    if (!topic.scan.nullKeys && !mayBeTooLarge(ref, topic)) continue
    const bytes = await reader.read(ref.chunk, { signal })
    scanChunk(ref, bytes, wish, editor, scan)
  }
}

function mayBeTooLarge(ref: ChunkRef, topic: PlannedTopic): boolean {
  return roomFor(ref.chunk.largestBatch) > topic.limit
}

function scanChunk(
  ref: ChunkRef,
  bytes: Buffer,
  wish: BatchWish,
  editor: HeaderEditor | undefined,
  { topic, found, input }: Scan,
): void {
  const from = Number(ref.from)
  const to = Number(ref.to)
  for (let at = 0; at < bytes.length; ) {
    const end = batchEnd(bytes, at, bytes.length, wish.place)
    invariant(end !== undefined, 'a chunk holds whole batches', wish.place)
    const verdict = judgeBatch(bytes, at, end, from, to, wish)
    if (verdict !== 'skip') {
      const range = verdict === 'recode' ? wish.range : undefined
      if (topic.scan.sizes && roomFor(end - at) > topic.limit) {
        const recode = { input: 0, from: ref.from, to: ref.to, range, headers: editor, skip: 0 }
        try {
          if (verdict !== 'raw') recodeBatch(bytes, at, { ...recode, limit: topic.limit, place: wish.place })
        } catch (error) {
          if (!(error instanceof TidemarkError) || error.code !== 'RECORD_TOO_LARGE') throw error
          found.push(obstacleOf(error, topic, input))
        }
      }
      if (topic.scan.nullKeys) {
        const offset = firstNullKey(bytes, at, from, to, wish, range !== undefined)
        if (offset !== undefined) {
          found.push(nullKey(topic, input, offset))
          return
        }
      }
    }
    at = end
  }
}

function firstNullKey(
  bytes: Buffer,
  at: number,
  from: number,
  to: number,
  wish: BatchWish,
  ranged: boolean,
): bigint | undefined {
  const cursor = new RecordCursor(bytes, at, { place: wish.place })
  const base = header.baseOffsetNumber(bytes, at)
  while (cursor.next()) {
    const offset = base + cursor.offsetDelta
    if (offset < from || offset >= to || cursor.key() !== null) continue
    if (!ranged || !wish.range || recordInRange(wish.range, cursor)) return BigInt(offset)
  }
  return undefined
}

function obstacleOf(error: TidemarkError, topic: PlannedTopic, input: LaneInput): Found {
  const { size, limit, offset } = error.details
  return {
    code: 'RECORD_TOO_LARGE',
    message: `The record at offset ${offset} of ${input.topic}-${input.source.partition} makes a batch of ${size} bytes, and the target topic ${topic.target} takes ${limit}`,
    topic: input.topic,
    partition: input.source.partition,
    ...(offset !== undefined && { offset }),
    ...(size !== undefined && { size: Number(size) }),
  }
}

/** What to raise the limit to: what all of them need, and where more may follow, what any batch of the topic can need. */
function withSize({ size, ...obstacle }: Found, topic: PlannedTopic, found: readonly Found[]): Obstacle {
  if (size === undefined) return obstacle
  const all = found.length < ENOUGH ? 0 : roomFor(topic.largestBatch)
  const needed = Math.max(all, ...found.map((one) => one.size ?? 0))
  return { ...obstacle, hint: `Raise max.message.bytes of ${topic.target} to ${needed} or more.` }
}

function nullKey(topic: PlannedTopic, input: LaneInput, offset: bigint): Obstacle {
  const { partition } = input.source
  return {
    code: 'TARGET_UNSUITABLE',
    message: `The record at offset ${offset} of ${input.topic}-${partition} has no key, and the target topic ${topic.target} is compacted: it would be lost`,
    hint: `Take compact out of cleanup.policy of ${topic.target}, or restore into another topic.`,
    topic: input.topic,
    partition,
    offset,
  }
}
