import type { Cluster } from '../../kafka/index.ts'
import { ensureTopic } from './control-topics.ts'
import { checkpointsTopic, encodeCheckpoint } from './mm2-records.ts'
import { RecordWriter } from './record-writer.ts'
import type { PositionOutcome } from './round.ts'

/** Writes positions as MirrorMaker 2's checkpoints, each when it has changed. All of them at a start: which are there is not known. */
export class CheckpointWriter implements AsyncDisposable {
  readonly #writer: RecordWriter
  readonly #written = new Map<string, string>()

  private constructor(writer: RecordWriter) {
    this.#writer = writer
  }

  /** Makes the topic when it is missing, as MirrorMaker 2 does: one partition, compacted. */
  static async open(target: Cluster, alias: string): Promise<CheckpointWriter> {
    const name = checkpointsTopic(alias)
    const configs = { 'cleanup.policy': 'compact' }
    await ensureTopic(target, { name, create: { partitions: 1, replicationFactor: undefined, configs } })
    // Its readers look at partition 0 only.
    return new CheckpointWriter(new RecordWriter(target, name, 'first'))
  }

  /** `permit` is asked right before they are sent. */
  async write(outcomes: readonly PositionOutcome[], permit: () => Promise<void>): Promise<void> {
    const fresh = outcomes.flatMap((outcome) => {
      const { group, topic, partition, sources, decision, error } = outcome
      const [source] = sources
      // What merges several source partitions has no position upstream.
      if (decision.target === undefined || error !== undefined || sources.length !== 1 || !source) return []
      const key = `${topic}/${partition} ${group}`
      const state = `${source.offset} ${decision.target} ${source.metadata ?? ''}`
      if (this.#written.get(key) === state) return []
      const { offset: upstreamOffset, metadata } = source
      const checkpoint = {
        ...{ group, topic, partition, upstreamOffset },
        offset: decision.target,
        metadata: metadata ?? '',
      }
      return [{ key, state, record: encodeCheckpoint(checkpoint) }]
    })
    await this.#writer.write(
      fresh.map(({ record }) => record),
      permit,
    )
    for (const { key, state } of fresh) this.#written.set(key, state)
  }

  /** Another program may have written since: what is there is not known any more. */
  forget(): void {
    this.#written.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]()
  }
}
