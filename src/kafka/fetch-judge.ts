import { TidemarkError } from '../base/index.ts'
import { code } from './data-codes.ts'
import type { FetchPartition } from './fetch-partition.ts'
import type { FetchAnswer } from './fetch-response.ts'
import { errorFromCode, isRetriableCode } from './protocol-errors.ts'

/** Empty answers in a row after which a partition is looked at more closely. */
export const patienceForEmpties = 3

/** What follows from an answer that refuses a partition. */
export type Refusal =
  /** Ask the leader again, which is to be found (again) first. */
  | { readonly type: 'find'; readonly error: Error }
  /** The offset is not in the log, says the leader. */
  | { readonly type: 'range'; readonly error: Error }
  | { readonly type: 'lost'; readonly error: Error }

/** Errors that Kafka does not call retriable, or that name a leader or topic that may have changed. */
const passing: ReadonlySet<number> = new Set([
  -1,
  code.corruptMessage,
  code.unknownTopicOrPartition,
  code.fencedLeaderEpoch,
  code.unknownLeaderEpoch,
  code.unknownTopicId,
  code.inconsistentTopicId,
  code.offsetNotAvailable,
])

/** What to make of an error code in a fetch answer for a partition. */
export function judgeRefusal(partition: FetchPartition, error: number, broker: string): Refusal {
  const reason = errorFromCode(error, {
    doing: `read partition ${partition.partition} of topic ${JSON.stringify(partition.topic)}`,
    acl: 'Read',
    topic: partition.topic,
    partition: partition.partition,
    broker,
  })
  if (error === code.offsetOutOfRange) return { type: 'range', error: reason }
  if (passing.has(error) || isRetriableCode(error)) return { type: 'find', error: reason }
  return { type: 'lost', error: reason }
}

/** What an answer without batches may mean for a partition that has a stop beyond its next offset. */
export type Emptiness =
  /** Nothing yet. */
  | 'wait'
  /** An open transaction holds back what lies before the stop. */
  | 'held'
  /** The log ends before the stop. */
  | 'short'
  /** There should be something below the limit that may be read, but nothing comes. */
  | 'hole'

/**
 * Judges an unthrottled empty answer and counts it. `crowded`: other partitions had batches in the same response, so that
 * there may have been no room.
 */
export function judgeEmpty(
  partition: FetchPartition,
  answer: FetchAnswer,
  committed: boolean,
  crowded: boolean,
): Emptiness {
  const { stop } = partition
  if (stop === undefined) return 'wait'
  const readable = committed && answer.lastStableOffset >= 0n ? answer.lastStableOffset : answer.highWatermark
  if (readable > partition.next && crowded) return 'wait'
  if (++partition.empties < patienceForEmpties) return 'wait'
  if (readable > partition.next) return 'hole'
  return answer.highWatermark < stop ? 'short' : 'held'
}

/** The broker's answer cannot be: batches that do not lead beyond the offset asked for. */
export function noHeadway(partition: FetchPartition, broker: string): TidemarkError {
  return new TidemarkError(
    'RECORD_CORRUPT',
    `Broker ${broker} answers offset ${partition.next} of ${partition.topic}-${partition.partition} with batches that end before it`,
    {
      retriable: true,
      details: {
        topic: partition.topic,
        partition: partition.partition,
        offset: partition.next,
        broker,
      },
    },
  )
}
