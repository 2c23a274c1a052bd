import { offeredVersion, type Versions } from './api-choice.ts'
import { describeProducersV0, initProducerIdV1, initProducerIdV4 } from './client-library.ts'
import { type Coordinators, coordinatorOf } from './coordinators.ts'
import { allDone, type ItemResult, runBatch } from './item-batch.ts'
import type { Leaders } from './leaders.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { ProducerIdentity, TopicPartition } from './types.ts'

/** Version 1 is that of Kafka 2.1. */
const initVersions = [initProducerIdV4.api, initProducerIdV1.api] as Versions<
  [transactionalId: string | null, timeoutMs: number],
  {
    readonly throttleTimeMs: number
    readonly errorCode: number
    readonly producerId: bigint
    readonly producerEpoch: number
  }
>
const describeVersions = [describeProducersV0.api] as Versions<
  [topics: { name: string; partitionIndexes: number[] }[]],
  {
    readonly throttleTimeMs: number
    readonly topics: readonly {
      readonly partitions: readonly {
        readonly errorCode: number
        readonly errorMessage: string | null
        readonly activeProducers: readonly {
          readonly producerId: bigint
          readonly currentTxnStartOffset: bigint
        }[]
      }[]
    }[]
  }
>

/** A transactional id and how long its transactions may stay open. */
export interface Transactional {
  readonly id: string
  readonly timeoutMs: number
}

/** A producer with an open transaction on a partition, and the first offset of that transaction. */
export interface OpenTransaction {
  readonly producerId: bigint
  readonly startOffset: bigint
}

/** A new producer id, or that of a transactional id with its epoch raised. */
export async function initProducerId(
  session: Session,
  coordinators: Coordinators,
  transactional: Transactional | undefined,
): Promise<ProducerIdentity> {
  return session.retrying(async () => {
    const connection = transactional
      ? await session.pool.to(await transactionCoordinator(session, coordinators, transactional.id))
      : await session.pool.any()
    // Without a transactional id the broker does not look at the timeout, but refuses one that is not positive.
    const timeout = transactional?.timeoutMs ?? 60_000
    const response = await session.request(connection, initVersions, [transactional?.id ?? null, timeout])
    if (response.errorCode === 0) return { producerId: response.producerId, epoch: response.producerEpoch }
    throw errorFromCode(response.errorCode, {
      doing: transactional
        ? `take over transactional id ${JSON.stringify(transactional.id)}`
        : 'get a producer id from the cluster',
      acl: transactional ? 'Write' : 'IdempotentWrite',
      broker: connection.address,
      ...(transactional && { transactionalId: transactional.id }),
    })
  })
}

/** Asks for the coordinator of a transactional id. One attempt. */
export function transactionCoordinator(
  session: Session,
  coordinators: Coordinators,
  id: string,
): Promise<number> {
  return coordinatorOf(session, coordinators, 'transaction', id, 'use transactions')
}

/** Open transactions of a partition, as its leader knows them; none where the broker is older than Kafka 2.8. */
export async function openTransactions(
  session: Session,
  leaders: Leaders,
  { topic, partition }: TopicPartition,
): Promise<readonly OpenTransaction[]> {
  const item = { topic, partition }
  const doing = `describe the producers of ${topic}-${partition}`
  const outcome = await runBatch<TopicPartition, readonly OpenTransaction[]>(session, {
    items: [item],
    perRequest: 1,
    route: (open, round) => leaders.route(open, round, { doing: 'describe the producers', acl: 'Read' }),
    send: async (connection): Promise<ItemResult<TopicPartition, readonly OpenTransaction[]>[]> => {
      const api = offeredVersion(connection, describeVersions)
      if (api === undefined) return [{ item, result: [] }]
      const response = await session.call(connection, api, [[{ name: topic, partitionIndexes: [partition] }]])
      const answer = response.topics[0]?.partitions[0]
      if (answer === undefined) return []
      if (answer.errorCode !== 0) {
        const context = { doing, acl: 'Read', topic, partition, message: answer.errorMessage }
        return [{ item, error: errorFromCode(answer.errorCode, context) }]
      }
      const open = answer.activeProducers
        .filter((producer) => producer.currentTxnStartOffset >= 0n)
        .map(({ producerId, currentTxnStartOffset }) => ({ producerId, startOffset: currentTxnStartOffset }))
      return [{ item, result: open }]
    },
  })
  return allDone(outcome)[0] ?? []
}
