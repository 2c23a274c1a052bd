import { systemClock, TidemarkError } from '../base/index.ts'
import { code } from './data-codes.ts'
import type { FetchEvent, FetchedBatches } from './data-types.ts'
import type { Landed } from './fetch-flight.ts'
import { judgeEmpty, noHeadway } from './fetch-judge.ts'
import { type Emit, type LaneBook, place } from './fetch-lane-book.ts'
import type { Turn } from './fetch-lane-queue.ts'
import type { ResponseMemory } from './fetch-memory.ts'
import type { FetchPartition } from './fetch-partition.ts'
import type { FetchAnswer } from './fetch-response.ts'
import { walkBatches } from './fetch-walk.ts'

/** Something for the sink, kept until the next request is on its way. */
export interface Delivery {
  readonly partition: FetchPartition
  readonly what: FetchedBatches | FetchEvent
}

export interface ReadResult {
  readonly deliveries: readonly Delivery[]
  /** Bytes of batches in the response. */
  readonly bytes: number
}

/**
 * Reads the headers of a response and moves its partitions on: after it, the next request can be made. Batches keep the
 * response's memory until they are released; the caller still holds it too. `byId`: topics are named by id.
 */
export function readResponse(
  book: LaneBook,
  asked: readonly FetchPartition[],
  { response, frame, memory }: Landed,
  byId: boolean,
): ReadResult {
  const deliveries: Delivery[] = []
  const emit: Emit = (partition, what) => deliveries.push({ partition, what })
  if (response.throttle > 0) book.pausedUntil = systemClock.monotonic() + response.throttle
  if (response.error !== code.none) {
    for (const partition of asked) if (book.holds(partition)) book.refused(partition, response.error)
    return { deliveries, bytes: 0 }
  }
  const expected = new Set(asked)
  const turns = new Map<FetchPartition, Turn>()
  let bytes = 0
  for (const answer of response.answers) bytes += answer.end - answer.start
  for (const answer of response.answers) {
    const partition = book.queue.find(answer.topic, answer.partition, byId)
    // A partition that was removed, or added anew, since the request left is not concerned.
    if (!partition || !expected.delete(partition)) continue
    try {
      const served = readAnswer(book, partition, answer, frame, memory, emit)
      if (served) turns.set(partition, 'served')
      else if (response.throttle > 0) turns.set(partition, 'waiting')
      else turns.set(partition, readEmpty(book, partition, answer, bytes > 0, emit))
    } catch (error) {
      // What came may have been damaged on its way: it is asked for again, and lost only when that does not help.
      book.doubt(partition, 'leader', error as Error)
    }
  }
  book.queue.rotate(turns)
  return { deliveries, bytes }
}

/** Whether there were batches. */
function readAnswer(
  book: LaneBook,
  partition: FetchPartition,
  answer: FetchAnswer,
  frame: Buffer,
  memory: ResponseMemory,
  emit: Emit,
): boolean {
  if (answer.error !== code.none) {
    book.refused(partition, answer.error)
    return false
  }
  if (answer.diverging) {
    book.diverged(partition, answer.diverging.epoch, answer.diverging.endOffset, emit)
    return false
  }
  if (answer.preferredReplica >= 0 && answer.preferredReplica !== book.broker) {
    book.follow(partition, answer.preferredReplica)
    return false
  }
  const { next, stop } = partition
  const walked = walkBatches(frame, answer.start, answer.end, next, stop, partition.lastEpoch, partition)
  if (walked.end === answer.start) {
    partition.calm()
    if (walked.beyondStop) book.close(partition)
    return false
  }
  if (walked.nextOffset <= next) throw noHeadway(partition, book.connection.address)
  memory.retain()
  partition.advance(walked.nextOffset, walked.epochs)
  emit(partition, {
    ...place(partition),
    buffer: frame,
    start: answer.start,
    end: walked.end,
    fromOffset: next,
    nextOffset: walked.nextOffset,
    leaderEpoch: partition.lastEpoch,
    aborted: answer.aborted,
    logStartOffset: answer.logStartOffset,
    lastStableOffset: answer.lastStableOffset,
    highWatermark: answer.highWatermark,
    release: () => memory.release(),
  })
  if (partition.reached) book.finish(partition, emit)
  else if (walked.beyondStop) book.close(partition)
  return true
}

/** Where a partition without batches goes in the queue; one that has been empty too often is looked at more closely. */
function readEmpty(
  book: LaneBook,
  partition: FetchPartition,
  answer: FetchAnswer,
  crowded: boolean,
  emit: Emit,
): Turn {
  const atEnd = answer.highWatermark <= partition.next
  if (!book.holds(partition) || book.chores.has(partition)) return 'empty'
  const found = judgeEmpty(partition, answer, book.host.committed, crowded)
  if (found === 'wait') return atEnd || !crowded ? 'empty' : 'waiting'
  // A follower may lag behind: only the leader's word counts.
  if (partition.replica !== undefined) book.backToLeader(partition)
  else if (found === 'held') book.held(partition, answer.lastStableOffset, emit)
  else if (found === 'hole') book.chores.add(partition)
  else book.doubt(partition, 'short', endsShort(partition, answer.highWatermark))
  return 'empty'
}

function endsShort(partition: FetchPartition, end: bigint): TidemarkError {
  const { topic, partition: number, stop } = partition
  return new TidemarkError(
    'OFFSET_OUT_OF_RANGE',
    `The log of partition ${number} of topic ${JSON.stringify(topic)} ends at ${end}, before offset ${stop} that it had`,
    { details: { topic, partition: number, offset: end } },
  )
}
