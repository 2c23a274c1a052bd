import { systemClock, TidemarkError } from '../base/index.ts'
import type { ProducerOptions } from './data-types.ts'
import type { PositionReader } from './fetch-once.ts'
import { gravity, type Judged } from './produce-judge.ts'
import type { ProducePartition } from './produce-partition.ts'
import { recoverWith } from './recover.ts'
import type { ProducerIdentity } from './types.ts'

const lastEpoch = 32_766

export interface TroubleHost {
  /** Reads logs back. */
  readonly reader: PositionReader
  readonly transactional: boolean
  /** Ms for which a partition may be in trouble without anything landing. */
  readonly patience: number
  readonly settleMs: number
  readonly renew: ProducerOptions['renew']
  /** Aborts when the producer ends. */
  readonly signal: AbortSignal
  /** Takes the partition from its connection. */
  detach(partition: ProducePartition): void
  /** Finds its leader again; then it goes on. */
  displace(partition: ProducePartition, error: Error): void
  /** Ends it for good. */
  fail(partition: ProducePartition, error: Error): void
  /** The open transaction cannot be committed any more. */
  break(error: Error): void
}

/** Decides what becomes of the batches of a partition when all its answers are in and something failed. */
export class ProduceTrouble {
  readonly #host: TroubleHost

  constructor(host: TroubleHost) {
    this.#host = host
  }

  /** Resolves when it is decided; nothing is sent for the partition until then. */
  async settle(partition: ProducePartition, judged: Judged): Promise<void> {
    const host = this.#host
    if (host.signal.aborted) return
    const since = partition.troubleSince ?? Number.POSITIVE_INFINITY
    const late = systemClock.monotonic() - since > host.patience
    const again = judged.gravity === gravity.resend || this.#mayRepeat(judged)
    if (judged.gravity === gravity.fail || (late && again)) {
      host.fail(partition, judged.error)
    } else if (again) {
      partition.resend()
      host.displace(partition, judged.error)
    } else if (host.transactional) {
      host.break(judged.error)
    } else {
      await this.#recover(partition, judged)
    }
  }

  /**
   * Within an open transaction brokers do not forget a producer, whatever its records' timestamps: a batch that is in the log
   * already is known by its sequence, and where it stands is answered. Only after every request has been answered: nothing
   * may come late, into another transaction.
   */
  #mayRepeat({ gravity: grave, error }: Judged): boolean {
    return this.#host.transactional && grave === gravity.look && error.retriable
  }

  async #recover(partition: ProducePartition, judged: Judged): Promise<void> {
    const { reader, settleMs, patience, signal } = this.#host
    this.#host.detach(partition)
    const cut = judged.gravity === gravity.settle
    try {
      const found = await recoverWith(reader, partition, {
        producerId: partition.producerId,
        since: partition.end ?? 0n,
        settleMs: cut ? settleMs : 0,
        patience,
        signal,
      })
      partition.recovered(found, await this.#nextIdentity(partition))
      await partition.raised?.()
    } catch (error) {
      if (!signal.aborted) this.#host.fail(partition, error as Error)
      return
    }
    this.#host.displace(partition, judged.error)
  }

  async #nextIdentity(partition: ProducePartition): Promise<ProducerIdentity> {
    if (partition.epoch < lastEpoch) return { producerId: partition.producerId, epoch: partition.epoch + 1 }
    const { renew } = this.#host
    const place = { topic: partition.topic, partition: partition.partition }
    if (renew) return await renew(place)
    throw new TidemarkError(
      'BROKER_ERROR',
      `Writing to partition ${place.partition} of topic ${JSON.stringify(place.topic)} was interrupted too often: the epochs of producer id ${partition.producerId} are used up`,
      { details: place, hint: 'Run it again, with a new producer id.' },
    )
  }
}
