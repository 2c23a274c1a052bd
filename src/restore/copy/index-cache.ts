import type { BackupReader, PartitionIndex, TopicIndex } from '../../archive/index.ts'

/** Keeps the index of a topic while some of its lanes run. */
export class IndexCache {
  readonly #reader: BackupReader
  readonly #open = new Map<string, { readonly index: Promise<TopicIndex>; users: number }>()

  constructor(reader: BackupReader) {
    this.#reader = reader
  }

  /** The index of one partition, kept until {@link release} has been called as often as this. */
  async partition(
    topic: string,
    topicId: string | undefined,
    partition: number,
  ): Promise<PartitionIndex | undefined> {
    let entry = this.#open.get(topic)
    if (!entry) {
      entry = { index: this.#reader.topic(topic, topicId), users: 0 }
      this.#open.set(topic, entry)
    }
    entry.users++
    return (await entry.index).partitions.get(partition)
  }

  release(topic: string): void {
    const entry = this.#open.get(topic)
    if (entry && --entry.users === 0) this.#open.delete(topic)
  }
}
