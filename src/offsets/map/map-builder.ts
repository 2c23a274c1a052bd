import { invariant } from '../../base/index.ts'
import { type MapBounds, type MapIdentity, PartitionMap } from './partition-map.ts'
import { RunPacker } from './run-packer.ts'

/**
 * Builds the map of one source partition into one target partition while its records land.
 *
 * `append` is called for each acknowledged batch, in order: it extends the open run by touching a few
 * numbers. Memory is what the packed map takes, and at most 6 KB for runs not packed yet.
 */
export class MapBuilder {
  readonly identity: MapIdentity
  readonly #packer = new RunPacker()

  constructor(identity: MapIdentity) {
    this.identity = identity
  }

  /** Goes on where an earlier map ended, for example one from a journal. */
  static from(map: PartitionMap): MapBuilder {
    const { sourceTopic, sourcePartition, targetTopic, targetPartition, sourceCluster } = map
    const builder = new MapBuilder({
      sourceTopic,
      sourcePartition,
      targetTopic,
      targetPartition,
      sourceCluster,
    })
    for (const run of map.runs()) builder.append(run.source, run.target, run.count)
    return builder
  }

  /** Records added so far. */
  get records(): number {
    return this.#packer.records
  }

  /** Source offset after the last record added; undefined before the first. */
  get nextSource(): bigint | undefined {
    return this.records === 0 ? undefined : this.#packer.nextSource
  }

  /** Target offset after the last record added; undefined before the first. */
  get nextTarget(): bigint | undefined {
    return this.records === 0 ? undefined : this.#packer.nextTarget
  }

  /**
   * `count` records with source offsets from `sourceFirst` on, without holes, landed at `targetFirst` and the
   * offsets after it. Throws INTERNAL when they overlap or precede what was added before, on either side:
   * such a map would lie.
   */
  append(sourceFirst: bigint, targetFirst: bigint, count: number): void {
    this.#packer.add(sourceFirst, targetFirst, count)
  }

  /** The map of what was added so far. The builder may go on afterwards and be sealed again. */
  seal(bounds: MapBounds): PartitionMap {
    const next = this.nextSource
    invariant(bounds.sourceEnd >= 0n && bounds.copyStart >= 0n, 'log ends are not negative')
    invariant(
      next === undefined || bounds.sourceEnd >= next,
      'the source end lies behind the last record copied',
      {
        topic: this.identity.sourceTopic,
        partition: this.identity.sourcePartition,
      },
    )
    return new PartitionMap(this.identity, bounds, this.#packer.pack())
  }
}
