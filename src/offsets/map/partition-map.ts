import type { Run, RunBlocks } from './run-blocks.ts'
import { RunPacker } from './run-packer.ts'
import { type Arrival, BY_RANK, BY_SOURCE, BY_TARGET, type SeekBy } from './seek.ts'

/** Which copy a map describes: from one source partition into one target partition. */
export interface MapIdentity {
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly targetTopic: string
  readonly targetPartition: number
  /** The source's name or cluster id, as headers and files name it. */
  readonly sourceCluster: string
}

/** What a map knows beside its runs. */
export interface MapBounds {
  /**
   * First source offset from which on the map is complete; positions below are `unmapped`. Undefined for a
   * map that holds all that was ever copied; set when older runs were trimmed away.
   */
  readonly completeFrom?: bigint | undefined
  /**
   * The source's log end, as captured with the copy: the first source offset that the copy knows nothing
   * about.
   */
  readonly sourceEnd: bigint
  /**
   * The target partition's log end when the copy of the partition began; of a floor map: where on the target the copy may begin at
   * the earliest.
   */
  readonly copyStart: bigint
  /**
   * The map does not know every record of the copy (it was sampled, or records without headers lie among those that have them):
   * positions in its holes are answered with `floor`, at or before the right offset. @default false
   */
  readonly floor?: boolean | undefined
}

/** A copied record: where it was and where it is. */
export interface MappedRecord {
  readonly source: bigint
  readonly target: bigint
}

/**
 * Where the records of one source partition went in one target partition. Immutable, and small: a contiguous
 * copy of any length takes some 40 bytes, one full of holes about a bit for each source offset.
 *
 * Both sides rise together: records keep their order.
 */
export class PartitionMap implements MapIdentity {
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly targetTopic: string
  readonly targetPartition: number
  readonly sourceCluster: string
  readonly completeFrom: bigint | undefined
  readonly sourceEnd: bigint
  readonly copyStart: bigint
  /** Whether there may be records of the copy that the map does not know. */
  readonly floor: boolean
  /** The packed runs; for the file formats. */
  readonly blocks: RunBlocks
  /** The first record copied. */
  readonly first: MappedRecord | undefined
  /** The last record copied. */
  readonly last: MappedRecord | undefined

  constructor(identity: MapIdentity, bounds: MapBounds, blocks: RunBlocks) {
    this.sourceTopic = identity.sourceTopic
    this.sourcePartition = identity.sourcePartition
    this.targetTopic = identity.targetTopic
    this.targetPartition = identity.targetPartition
    this.sourceCluster = identity.sourceCluster
    this.completeFrom = bounds.completeFrom
    this.sourceEnd = bounds.sourceEnd
    this.copyStart = bounds.copyStart
    this.floor = bounds.floor ?? false
    this.blocks = blocks
    this.first = this.#record(blocks.seek(BY_RANK, 0))
    this.last = this.#record(blocks.seek(BY_RANK, blocks.records - 1))
  }

  /** Records copied. */
  get records(): number {
    return this.blocks.records
  }

  /** Bytes of memory that the map takes, apart from its names. */
  get bytes(): number {
    return this.blocks.bytes
  }

  /**
   * Target offset after the last record copied; where nothing was copied, the log end at which the copy
   * began.
   */
  get targetEnd(): bigint {
    return this.last === undefined ? this.copyStart : this.last.target + 1n
  }

  /** The first copied record whose source offset is `position` or more; undefined when none follows. */
  find(position: bigint): MappedRecord | undefined {
    return this.#record(this.#seek(BY_SOURCE, position, this.blocks.sourceBase))
  }

  /** The last copied record whose source offset is less than `position`; undefined when none lies before. */
  findBefore(position: bigint): MappedRecord | undefined {
    const before = this.countBefore(position)
    return before === 0 ? undefined : this.#record(this.blocks.seek(BY_RANK, before - 1))
  }

  /** The first copied record whose target offset is `position` or more: the way back. */
  findByTarget(position: bigint): MappedRecord | undefined {
    return this.#record(this.#seek(BY_TARGET, position, this.blocks.targetBase))
  }

  /** Copied records whose source offset is below `position`. */
  countBefore(position: bigint): number {
    return this.#seek(BY_SOURCE, position, this.blocks.sourceBase)?.[2] ?? this.records
  }

  /** Copied records whose target offset is below `position`. */
  countBeforeTarget(position: bigint): number {
    return this.#seek(BY_TARGET, position, this.blocks.targetBase)?.[2] ?? this.records
  }

  /** Every contiguous run, in order. */
  runs(): Generator<Run> {
    return this.blocks.runs()
  }

  /**
   * The map of the way back: target offsets become source offsets. A position behind the copy (records
   * written on the target since) comes out `ahead-of-copy`, at the offset after the last record that both
   * sides have.
   */
  invert(targetCluster: string): PartitionMap {
    const packer = new RunPacker()
    for (const run of this.runs()) packer.add(run.target, run.source, run.count)
    return new PartitionMap(
      {
        sourceTopic: this.targetTopic,
        sourcePartition: this.targetPartition,
        targetTopic: this.sourceTopic,
        targetPartition: this.sourcePartition,
        sourceCluster: targetCluster,
      },
      {
        sourceEnd: this.targetEnd,
        // What a floor map does not know may lie anywhere before its first record.
        copyStart: this.floor ? 0n : this.sourceEnd,
        floor: this.floor,
        completeFrom: this.completeFrom === undefined ? undefined : (this.first?.target ?? this.copyStart),
      },
      packer.pack(),
    )
  }

  #seek(by: SeekBy, position: bigint, base: bigint): Arrival | undefined {
    return this.blocks.seek(by, Number(position - base))
  }

  #record(at: Arrival | undefined): MappedRecord | undefined {
    if (at === undefined) return undefined
    return {
      source: this.blocks.sourceBase + BigInt(at[0] as number),
      target: this.blocks.targetBase + BigInt(at[1] as number),
    }
  }
}
