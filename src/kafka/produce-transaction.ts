import { isTidemarkError, retry } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { addPartitionsToTxnV1, addPartitionsToTxnV3, endTxnV1, endTxnV3 } from './client-library.ts'
import { apiKey, code } from './data-codes.ts'
import { errorFromCode, kafkaCodeOf } from './protocol-errors.ts'
import type { Cluster, ProducerIdentity, TopicPartition } from './types.ts'

/** The newest versions without the rules of KIP-890's second part, which need newer Produce requests as well. */
const newest = 3

/** Another owner has taken the transactional id, or the coordinator has given our transaction up. */
const fenced: ReadonlySet<number> = new Set([
  code.invalidProducerEpoch,
  code.producerFenced,
  code.invalidProducerIdMapping,
  code.transactionCoordinatorFenced,
])

/** Whether an error means that the transactional id has another owner now. */
export function isFenced(error: unknown): boolean {
  const kafkaCode = kafkaCodeOf(error)
  return kafkaCode !== undefined && fenced.has(kafkaCode)
}

/** What a broker says of a transaction that was given up, or of its producer: no partition is to blame for it. */
const ofTransaction: ReadonlySet<number> = new Set([
  ...fenced,
  code.outOfOrderSequence,
  code.duplicateSequence,
  code.invalidTxnState,
  code.unknownProducerId,
])

/** Whether an error that names a partition is one of the transaction as a whole, and may pass when it is begun anew. */
export function concernsTransaction(error: unknown): boolean {
  const kafkaCode = kafkaCodeOf(error)
  return kafkaCode !== undefined && ofTransaction.has(kafkaCode)
}

/**
 * Talks to the coordinator of one transactional id. Both requests may be repeated: adding a partition twice and ending a
 * transaction that has ended the same way change nothing, so an unknown outcome is cured by asking again.
 */
export class TransactionCoordinator implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #id: string
  readonly #signal: AbortSignal
  #connection: BrokerConnection | undefined

  constructor(cluster: Cluster, id: string, signal: AbortSignal) {
    this.#cluster = cluster
    this.#id = id
    this.#signal = signal
  }

  /** Adds partitions to the open transaction, or opens it with them. */
  async add(identity: ProducerIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of partitions) {
      const numbers = topics.get(topic) ?? []
      topics.set(topic, numbers)
      numbers.push(partition)
    }
    const transaction = {
      transactionalId: this.#id,
      producerId: identity.producerId,
      producerEpoch: identity.epoch,
      verifyOnly: false,
      topics: [...topics].map(([name, numbers]) => ({ name, partitions: numbers })),
    }
    await this.#ask('add partitions to the transaction', async (connection) => {
      const flexible = connection.versionFor(apiKey.addPartitionsToTxn, newest, newest) !== undefined
      const { api } = flexible ? addPartitionsToTxnV3 : addPartitionsToTxnV1
      const response = await connection.call(api, [[transaction]])
      const results = response.resultsByTransaction.flatMap((result) => result.topicResults)
      return results.flatMap((topic) =>
        topic.resultsByPartition.map((answer) => ({
          error: answer.partitionErrorCode,
          topic: topic.name,
          partition: answer.partitionIndex,
        })),
      )
    })
  }

  /** Ends the transaction; resolves when the coordinator has decided, which is final. */
  async end(identity: ProducerIdentity, commit: boolean): Promise<void> {
    await this.#ask(commit ? 'commit the transaction' : 'abort the transaction', async (connection) => {
      const flexible = connection.versionFor(apiKey.endTxn, newest, newest) !== undefined
      const { api } = flexible ? endTxnV3 : endTxnV1
      const response = await connection.call(api, [this.#id, identity.producerId, identity.epoch, commit])
      return [{ error: response.errorCode }]
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.close()
  }

  async #ask(
    doing: string,
    request: (
      connection: BrokerConnection,
    ) => Promise<{ readonly error: number; readonly topic?: string; readonly partition?: number }[]>,
  ): Promise<void> {
    const deadline = this.#cluster.options.deliveryTimeout ?? 300_000
    const policy = { attempts: Number.POSITIVE_INFINITY, delay: 4, maxDelay: 500, deadline }
    const signal = this.#signal
    const once = async () => {
      const connection = await this.#connected()
      const answers = await request(connection)
      // OPERATION_NOT_ATTEMPTED stands beside the error of another partition, which says more.
      const failures = answers.filter(({ error }) => error !== code.none)
      const worst = failures.find(({ error }) => error !== operationNotAttempted) ?? failures[0]
      if (!worst) return
      if (moved.has(worst.error)) connection.close()
      throw errorFromCode(worst.error, {
        doing: `${doing} ${JSON.stringify(this.#id)}`,
        acl: 'Write',
        transactionalId: this.#id,
        broker: connection.address,
        ...(worst.topic !== undefined && { topic: worst.topic }),
        ...(worst.partition !== undefined && { partition: worst.partition }),
      })
    }
    await retry(
      policy,
      // After each transaction a coordinator is busy until its markers are written, mostly for some ms: a pause that doubles would outlast it.
      () => retry(whileBusy, once, { signal, when: isBusy }),
      {
        signal,
        when: (error) => isTidemarkError(error) && (error.retriable || error.code === 'BROKER_UNREACHABLE'),
      },
    )
  }

  async #connected(): Promise<BrokerConnection> {
    if (this.#connection?.fresh) return this.#connection
    this.#connection?.close()
    const signal = this.#signal
    const broker = await this.#cluster.transactionCoordinator(this.#id, { signal })
    this.#connection = await this.#cluster.connect(broker, { signal })
    return this.#connection
  }
}

const operationNotAttempted = 55
/** How often a coordinator is asked that still ends the transaction before. */
const whileBusy = { attempts: Number.POSITIVE_INFINITY, delay: 4, maxDelay: 16, deadline: 2_000 }

function isBusy(error: unknown): boolean {
  return kafkaCodeOf(error) === code.concurrentTransactions
}

/** The coordinator is to be found again. */
const moved: ReadonlySet<number> = new Set([15, code.notCoordinator])
