import type { Clock } from '../../base/index.ts'
import { MapSet } from '../../offsets/index.ts'
import type { JournalWriter } from './journal.ts'
import type { JournalHeader, JournalTopic } from './journal-types.ts'
import type { LaneState } from './lane-state.ts'

/** Everything of the journal but what is put together when it is saved. */
export type OpenHeader = Omit<JournalHeader, 'lanes' | 'updated'>

/** The journal of the restore that is running: what is known now, and making it durable. */
export class RestoreState {
  header: OpenHeader
  readonly lanes = new Map<string, LaneState>()
  readonly #writer: JournalWriter
  readonly #clock: Clock

  constructor(header: OpenHeader, writer: JournalWriter, clock: Clock) {
    this.header = header
    this.#writer = writer
    this.#clock = clock
  }

  update(change: Partial<OpenHeader>): void {
    this.header = { ...this.header, ...change }
  }

  topic(target: string): JournalTopic | undefined {
    return this.header.topics.find((topic) => topic.target === target)
  }

  updateTopic(target: string, change: Partial<JournalTopic>): void {
    const topics = this.header.topics.map((topic) =>
      topic.target === target ? { ...topic, ...change } : topic,
    )
    this.update({ topics })
  }

  /** Makes what is known now durable. */
  async save(): Promise<void> {
    const blobs: Buffer[] = []
    const lanes = [...this.lanes.values()].map((lane) => lane.snapshot(blobs))
    await this.#writer.save({ ...this.header, lanes, updated: this.#clock.now() }, blobs)
  }

  /** The maps of all lanes that pass the test. */
  mapSet(passes: (lane: LaneState) => boolean): MapSet {
    const { header } = this
    const maps = [...this.lanes.values()].filter(passes).flatMap((lane) => lane.maps())
    return new MapSet(
      {
        sourceCluster: header.sourceName,
        sourceClusterId: header.sourceClusterId,
        targetClusterId: header.targetClusterId,
        backupId: header.backupId,
        restoreId: header.restoreId,
        created: header.created,
      },
      maps,
    )
  }
}
