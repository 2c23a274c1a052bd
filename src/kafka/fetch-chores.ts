import { systemClock } from '../base/index.ts'
import { code } from './data-codes.ts'
import { type EpochEnd, epochEnds, localLogStart } from './fetch-epochs.ts'
import { flightVersion, fly } from './fetch-flight.ts'
import { judgeRefusal, patienceForEmpties } from './fetch-judge.ts'
import { type Emit, type LaneBook, place } from './fetch-lane-book.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { divergenceVersion } from './fetch-request.ts'
import type { FetchAnswer } from './fetch-response.ts'
import { walkBatches } from './fetch-walk.ts'

/** Bytes of the fetch that looks beyond a hole. */
const probeBytes = 64 << 10

/**
 * What a lane's partitions want beside fetches, while no fetch is in flight: epochs compared where fetches do not do it, the
 * end of those that are done, a look beyond a hole. Rejects when the connection fails.
 */
export async function doChores(book: LaneBook, emit: Emit): Promise<void> {
  const due = [...book.chores]
  book.chores.clear()
  await compareEpochs(
    book,
    due.filter((p) => needsCheck(book, p)),
    emit,
  )
  for (const partition of due) {
    if (!book.holds(partition) || book.chores.has(partition)) continue
    if (book.closing.has(partition)) await closeUp(book, partition, emit)
    else if (partition.reached) book.finish(partition, emit)
    else if (partition.empties >= patienceForEmpties) await probe(book, partition, emit)
  }
}

/** Since v12 every fetch compares epochs; before, and for a partition that has nothing to fetch, it is asked for. */
function needsCheck(book: LaneBook, partition: FetchPartition): boolean {
  if (partition.lastEpoch < 0 || partition.checkedEpoch === partition.leaderEpoch) return false
  return (book.version < divergenceVersion || partition.reached) && partition.replica === undefined
}

async function compareEpochs(
  book: LaneBook,
  partitions: readonly FetchPartition[],
  emit: Emit,
): Promise<void> {
  for (let at = 0; at < partitions.length; at += book.host.maxPartitions) {
    const questions = partitions
      .slice(at, at + book.host.maxPartitions)
      .map((p) => ({ ...place(p), leaderEpoch: p.leaderEpoch, epoch: p.lastEpoch }))
    for (const answer of await epochEnds(book.connection, questions)) {
      const partition = book.queue.find(answer.topic, answer.partition, false)
      if (partition) compareEpoch(book, partition, answer, emit)
    }
  }
}

function compareEpoch(book: LaneBook, partition: FetchPartition, answer: EpochEnd, emit: Emit): void {
  if (answer.error !== code.none) {
    const refusal = judgeRefusal(partition, answer.error, book.connection.address)
    // Without the right to ask, reading goes on as it would for any consumer.
    if (refusal.type === 'lost') partition.checkedEpoch = partition.leaderEpoch
    else book.refused(partition, answer.error)
  } else if (
    answer.endOffset >= 0n &&
    (answer.epoch < partition.lastEpoch || answer.endOffset < partition.next)
  ) {
    book.diverged(partition, answer.epoch, answer.endOffset, emit)
    book.chores.add(partition)
  } else {
    partition.checkedEpoch = partition.leaderEpoch
  }
}

/** Ends a partition whose last stretch before the stop is empty. */
async function closeUp(book: LaneBook, partition: FetchPartition, emit: Emit): Promise<void> {
  const { stop, next } = partition
  if (stop === undefined) return
  const epoch = await epochBefore(book, partition, stop)
  if (!book.holds(partition)) return
  emit(partition, { type: 'compacted', ...place(partition), from: next, to: stop })
  partition.advance(stop, epoch > partition.lastEpoch ? [{ epoch, from: next }] : [])
  book.finish(partition, emit)
}

/**
 * The leader epoch that the log has before `offset`, all batches of which may have been compacted away: with an older one, the
 * next run's check would find that it ends too early, and take that for a truncation.
 */
async function epochBefore(book: LaneBook, partition: FetchPartition, offset: bigint): Promise<number> {
  let epoch = partition.lastEpoch
  for (let asked = epoch; epoch >= 0 && asked <= partition.leaderEpoch; asked++) {
    const question = { ...place(partition), leaderEpoch: partition.leaderEpoch, epoch: asked }
    const [answer] = await epochEnds(book.connection, [question])
    if (!answer || answer.error !== code.none || answer.endOffset < 0n) return epoch
    epoch = Math.max(epoch, answer.epoch)
    if (answer.endOffset >= offset) return epoch
  }
  return epoch
}

/** Looks beyond a hole with one fetch of this partition alone, uncommitted. */
async function probe(book: LaneBook, partition: FetchPartition, emit: Emit): Promise<void> {
  const { memory, maxWait, signal } = book.host
  const reserved = memory.need(probeBytes)
  await memory.reserve(reserved, signal)
  const asked = [partition]
  const plan = {
    asked,
    version: flightVersion(book.version, asked),
    maxWait,
    maxBytes: probeBytes,
    committed: false,
    rack: '',
  }
  const landed = await fly(book.connection, plan, memory, reserved)
  try {
    const { response, frame } = landed
    if (response.throttle > 0) book.pausedUntil = systemClock.monotonic() + response.throttle
    const [answer] = response.answers
    const error = response.error || (answer?.error ?? code.none)
    if (!book.holds(partition)) return
    if (error !== code.none) return book.refused(partition, error)
    if (!answer) return
    if (answer.diverging) {
      return book.diverged(partition, answer.diverging.epoch, answer.diverging.endOffset, emit)
    }
    const { start, end } = answer
    const { firstBase } = walkBatches(frame, start, end, partition.next, undefined, -1, partition)
    await judgeProbe(book, partition, answer, firstBase, response.throttle > 0, emit)
  } finally {
    landed.memory.release()
  }
}

async function judgeProbe(
  book: LaneBook,
  partition: FetchPartition,
  answer: FetchAnswer,
  firstBase: bigint | undefined,
  throttled: boolean,
  emit: Emit,
): Promise<void> {
  const { stop } = partition
  if (stop === undefined) return
  partition.empties = 0
  if (firstBase !== undefined) {
    partition.emptyProbes = 0
    if (firstBase >= stop) book.close(partition)
    else if (book.host.committed && firstBase >= answer.lastStableOffset) {
      book.held(partition, answer.lastStableOffset, emit)
    }
    return
  }
  const readable = book.host.committed ? answer.lastStableOffset : answer.highWatermark
  if (throttled || readable < stop) return
  if (++partition.emptyProbes < patienceForEmpties) {
    partition.empties = patienceForEmpties
    book.chores.add(partition)
    return
  }
  partition.emptyProbes = 0
  const local = await localLogStart(book.connection, partition)
  if (local !== undefined && local <= partition.next && book.holds(partition)) book.close(partition)
}
