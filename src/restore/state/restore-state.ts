import type { Clock } from '../../base/index.ts'
import { MapSet } from '../../offsets/index.ts'
import type { JournalWriter } from './journal.ts'
import type { JournalHeader, JournalTopic } from './journal-types.ts'
import type { LaneState } from './lane-state.ts'

/** Everything of the journal but what is put together when it is saved. */
export type OpenHeader = Omit<JournalHeader, 'lanes' | 'topics' | 'updated'>

/** The journal of the restore that is running: what is known now, and making it durable. */
export class RestoreState {
  header: OpenHeader
  readonly lanes = new Map<string, LaneState>()
  readonly #writer: JournalWriter
  readonly #clock: Clock
  readonly #topics: Map<string, JournalTopic>
  readonly #byTarget = new Map<string, LaneState[]>()
  #saving: Promise<void> = Promise.resolve()
  #nextSave: Promise<void> | undefined

  constructor(header: Omit<JournalHeader, 'lanes' | 'updated'>, writer: JournalWriter, clock: Clock) {
    this.header = header
    this.#topics = new Map(header.topics.map((topic) => [topic.target, topic]))
    this.#writer = writer
    this.#clock = clock
  }

  update(change: Partial<OpenHeader>): void {
    this.header = { ...this.header, ...change }
  }

  topic(target: string): JournalTopic | undefined {
    return this.#topics.get(target)
  }

  topics(): readonly JournalTopic[] {
    return [...this.#topics.values()]
  }

  updateTopic(target: string, change: Partial<JournalTopic>): void {
    const known = this.#topics.get(target)
    if (known) this.#topics.set(target, { ...known, ...change })
  }

  addLane(lane: LaneState): void {
    this.lanes.set(lane.lane.key, lane)
    const there = this.#byTarget.get(lane.lane.target)
    if (there) there.push(lane)
    else this.#byTarget.set(lane.lane.target, [lane])
  }

  /** The lanes into a target topic. */
  lanesOf(target: string): readonly LaneState[] {
    return this.#byTarget.get(target) ?? []
  }

  /** Whether a target topic was copied completely. */
  isWhole(target: string): boolean {
    return this.topic(target)?.failure === undefined && this.lanesOf(target).every((lane) => lane.done)
  }

  /** Makes what is known now durable. All who ask while a save is under way share the one that follows it. */
  save(): Promise<void> {
    this.#nextSave ??= this.#saving.then(() => {
      this.#nextSave = undefined
      return this.#save()
    })
    this.#saving = this.#nextSave.catch(() => {})
    return this.#nextSave
  }

  async #save(): Promise<void> {
    const blobs: Buffer[] = []
    const lanes = [...this.lanes.values()].map((lane) => lane.snapshot(blobs))
    const topics = this.topics()
    await this.#writer.save({ ...this.header, topics, lanes, updated: this.#clock.now() }, blobs)
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
