import { TidemarkError } from '../base/index.ts'
import { code } from './data-codes.ts'
import { errorFromCode, isRetriableCode } from './protocol-errors.ts'
import type { TopicPartition } from './types.ts'

/** What a failed batch means for its partition, the gravest last. */
export const gravity = Object.freeze({
  /** It was certainly not appended: it may be sent again as it is. */
  resend: 1,
  /** It may have been appended, and its request has been answered: the log tells. */
  look: 2,
  /** It may have been appended, or may yet be: the log tells when it has settled. */
  settle: 3,
  /** It never will be. */
  fail: 4,
})
export type Gravity = (typeof gravity)[keyof typeof gravity]

/**
 * Errors that a broker answers before it appends anything. NOT_LEADER_OR_FOLLOWER is not among them: a leader that is
 * deposed while it waits for its replicas answers the same, and the batch may be in the log of its successor.
 */
const notAppended: ReadonlySet<number> = new Set([
  code.corruptMessage,
  code.unknownTopicOrPartition,
  code.leaderNotAvailable,
  code.notEnoughReplicas,
  code.listenerNotFound,
  code.unknownTopicId,
  code.concurrentTransactions,
])

/** Errors that Kafka does not call retriable but that say something about what the log holds. */
const outOfStep: ReadonlySet<number> = new Set([
  -1,
  code.outOfOrderSequence,
  code.duplicateSequence,
  code.invalidProducerEpoch,
  code.unknownProducerId,
])

export interface Judged {
  readonly gravity: Gravity
  readonly error: TidemarkError
}

/** What an error code in a produce answer means. `baseOffset` ≥ 0 shows that the batch is in the leader's log. */
export function judgeProduce(
  place: TopicPartition,
  error: number,
  baseOffset: bigint,
  message: string | null,
  records: { readonly bytes: number },
  broker: string,
): Judged {
  const { topic, partition } = place
  const reason = errorFromCode(error, {
    doing: `write a batch of ${records.bytes} bytes to partition ${partition} of topic ${JSON.stringify(topic)}`,
    acl: 'Write',
    topic,
    partition,
    broker,
    message,
  })
  if (baseOffset < 0n && notAppended.has(error)) return { gravity: gravity.resend, error: reason }
  if (outOfStep.has(error) || isRetriableCode(error)) return { gravity: gravity.look, error: reason }
  return { gravity: gravity.fail, error: reason }
}

/** What a request without an answer means for the batches in it. */
export function judgeLost(error: unknown): Judged {
  const known =
    error instanceof TidemarkError
      ? error
      : new TidemarkError('INTERNAL', 'A request failed in an unexpected way', { cause: error })
  return { gravity: known.details.outcome === 'not-sent' ? gravity.resend : gravity.settle, error: known }
}

/** The log of a target partition does not hold what it should. */
export function targetChanged(
  { topic, partition }: TopicPartition,
  reason: string,
  hint: string,
): TidemarkError {
  return new TidemarkError(
    'TARGET_CHANGED',
    `Partition ${partition} of topic ${JSON.stringify(topic)} changed while it was written: ${reason}`,
    { details: { topic, partition }, hint },
  )
}
