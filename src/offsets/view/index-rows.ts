import type { TopicIndex } from '../../archive/index.ts'

/** What the archive holds of one source partition; the columns of `show-offset-mapping --path`. */
export interface IndexRow {
  readonly topic: string
  readonly partition: number
  /** Undefined where the partition holds nothing. */
  readonly firstOffset: bigint | undefined
  readonly lastOffset: bigint | undefined
  /** Data records; where a batch is cut through and has holes there may be fewer. */
  readonly records: number
}

/**
 * A row for each partition of a topic, by partition. Offsets are those of the stored batches, transaction
 * markers included.
 */
export function indexRows({ topic, partitions }: TopicIndex): readonly IndexRow[] {
  return [...partitions.values()]
    .sort((a, b) => a.partition - b.partition)
    .map(({ partition, chunks }) => {
      let records = 0
      let firstOffset: bigint | undefined
      let lastOffset: bigint | undefined
      for (const { chunk, from, to } of chunks) {
        // A chunk counts whole batches; of one that is cut through only these offsets count.
        records += Math.min(chunk.records, Number(to - from))
        firstOffset ??= chunk.firstOffset > from ? chunk.firstOffset : from
        lastOffset = chunk.lastOffset < to ? chunk.lastOffset : to - 1n
      }
      return { topic, partition, firstOffset, lastOffset, records }
    })
}
