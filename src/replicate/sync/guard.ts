import { isTranslationMark } from '../../offsets/index.ts'

/**
 * What a commit on the target says of itself: which mapping it was made by, and from which position on the source.
 *
 *     k2k_1718000000123 orders/3@4711
 *
 * The version grows with the mapping; who holds an older mapping leaves the commit alone.
 */
export interface CommitGuard {
  readonly version: bigint
  /** The position on the source, where there was just one. */
  readonly from?: { readonly topic: string; readonly partition: number; readonly offset: bigint }
}

/** The guard as commit metadata; `prefix` is `groups.offsetGuardPrefix`. */
export function guardText(prefix: string, { version, from }: CommitGuard): string {
  const source = from === undefined ? '' : ` ${from.topic}/${from.partition}@${from.offset}`
  return `${prefix}${version}${source}`
}

/** The guard that commit metadata carries; undefined when it is the application's own, or empty. */
export function guardOf(prefix: string, metadata: string | null): CommitGuard | undefined {
  if (metadata === null || !metadata.startsWith(prefix)) return undefined
  const [, version, topic, partition, offset] =
    /^(\d{1,19})(?: ([^/ ]+)\/(\d{1,9})@(\d{1,19}))?$/.exec(metadata.slice(prefix.length)) ?? []
  if (version === undefined) return undefined
  if (topic === undefined) return { version: BigInt(version) }
  return {
    version: BigInt(version),
    from: { topic, partition: Number(partition), offset: BigInt(offset ?? 0) },
  }
}

/**
 * Whether the application keeps something in the metadata, which then has to arrive untouched (Kafka Streams does). Guards and marks are
 * notes of Tidemark's, also those of another pipeline that leads here.
 */
export function isOwnMetadata(prefix: string, metadata: string | null): boolean {
  if (metadata === null || metadata === '') return false
  return guardOf(prefix, metadata) === undefined && !isTranslationMark(metadata)
}
