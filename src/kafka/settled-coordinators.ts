import { TidemarkError } from '../base/index.ts'
import { groupPartition } from './coordinator-probe.ts'
import { Leaders } from './leaders.ts'
import { tryListOffsets } from './list-offsets.ts'
import type { Session } from './session.ts'
import type { Broker, PartitionInfo } from './types.ts'

/** The topic in which groups and their positions are kept. */
export const offsetsTopic = '__consumer_offsets'

/**
 * Which group coordinators know all that was ever acknowledged, at one moment.
 *
 * A coordinator answers from what is below its high watermark. Right after an election that mark may lag behind what
 * the former leader had acknowledged: the newest commits, and groups whose only commit is new, are then missing from
 * its answers without a word. A broker that is asked for the end of such a partition says that it lags
 * (OFFSET_NOT_AVAILABLE, KIP-207). So an answer counts only when the leader was settled before and after it, in the
 * same leader epoch.
 */
export class SettledCoordinators {
  readonly brokers: readonly Broker[]
  /** Empty before there is any group, and for a principal that may not describe the offsets topic. */
  readonly partitions: readonly PartitionInfo[]
  /** Partition → leader epoch, of those that are settled. */
  readonly #epochs: ReadonlyMap<number, number>

  private constructor(
    brokers: readonly Broker[],
    partitions: readonly PartitionInfo[],
    epochs: ReadonlyMap<number, number>,
  ) {
    this.brokers = brokers
    this.partitions = partitions
    this.#epochs = epochs
  }

  /** One look: metadata, and the end of every partition of the offsets topic, from its leader. */
  static async look(session: Session): Promise<SettledCoordinators> {
    const metadata = await session.metadata([offsetsTopic])
    const partitions = metadata.topics[0]?.partitions ?? []
    const leaders = new Leaders(session)
    leaders.learn(metadata.topics)
    const asked = partitions.map(({ partition }) => ({
      topic: offsetsTopic,
      partition,
      at: 'latest' as const,
    }))
    const { done } = await tryListOffsets(session, leaders, asked, { deadline: 0 })
    const settled = new Set(done.map(({ partition }) => partition))
    const epochs = partitions
      .filter(({ partition }) => settled.has(partition))
      .map(({ partition, leaderEpoch }) => [partition, leaderEpoch] as const)
    return new SettledCoordinators(metadata.brokers, partitions, new Map(epochs))
  }

  /** Whether what was answered about a group between this look and a later one counts. */
  coversGroup(group: string, later: SettledCoordinators): boolean {
    if (this.partitions.length === 0 && later.partitions.length === 0) return true
    return this.#covers(groupPartition(group, later.partitions.length), later)
  }

  /** Whether what was answered about all groups between this look and a later one counts. */
  coversAll(later: SettledCoordinators): boolean {
    return (
      this.partitions.length === later.partitions.length &&
      later.partitions.every(({ partition }) => this.#covers(partition, later))
    )
  }

  #covers(partition: number, later: SettledCoordinators): boolean {
    const epoch = this.#epochs.get(partition)
    return epoch !== undefined && epoch === later.#epochs.get(partition)
  }
}

/** Groups are being taken over: what was answered may not be complete. */
export function coordinatorsMoving(what: string): TidemarkError {
  return new TidemarkError('BROKER_ERROR', `Group coordinators are moving: ${what} would not be complete`, {
    retriable: true,
    hint: `Check that every partition of ${offsetsTopic} has a leader.`,
  })
}
