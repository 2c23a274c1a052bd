import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { ControlTable } from '../control/control-table.ts'
import { TopicTail } from '../control/topic-tail.ts'
import type { ReplicateJob } from '../job.ts'
import { decodeMapEntry, decodeMapKey, type MapKey } from '../map-topic/map-record.ts'
import { shardOf } from '../workers/shards.ts'

/**
 * What the map topic says was copied before. A control topic that was deleted looks like one that never held anything: without this,
 * everything would be copied a second time.
 *
 * The topic is read once, and only by a worker that takes over a shard that seems never to have been begun.
 */
export class CopiedBefore {
  readonly #job: ReplicateJob
  readonly #source: Cluster
  readonly #target: Cluster
  #found: Promise<readonly MapKey[]> | undefined

  constructor(job: ReplicateJob, source: Cluster, target: Cluster) {
    this.#job = job
    this.#source = source
    this.#target = target
  }

  /** Rejects with TARGET_CHANGED when a partition of the shard was copied, and the control topic does not know how far. */
  async refuseToRepeat(shard: number, control: ControlTable): Promise<void> {
    if (this.#job.mapTopic === undefined || control.hasBegun(shard)) return
    this.#found ??= this.#read(this.#job.mapTopic.name).catch((error) => {
      this.#found = undefined
      throw error
    })
    const lost = (await this.#found).find(
      ({ topic, partition }) =>
        shardOf(topic, partition) === shard && control.position(topic, partition) === undefined,
    )
    if (lost === undefined) return
    const { controlTopic, mapTopic, name } = this.#job
    throw new TidemarkError(
      'TARGET_CHANGED',
      `The control topic ${JSON.stringify(controlTopic.name)} does not say how far ${lost.topic}/${lost.partition} was copied, and the map topic ${JSON.stringify(mapTopic.name)} says that the pipeline ${JSON.stringify(name)} has copied it: going on would copy it a second time`,
      {
        details: { topic: controlTopic.name },
        hint: 'Was the control topic deleted, or has it another name now? To begin anew, use another name for the pipeline and fresh target topics, or delete the map topic as well.',
      },
    )
  }

  /** Partitions of which the map topic has entries by this pipeline. */
  async #read(mapTopic: string): Promise<readonly MapKey[]> {
    const { name, exactlyOnce } = this.#job
    const found = new Map<string, MapKey>()
    await using tail = new TopicTail(this.#target, mapTopic)
    await tail.catchUp(
      ({ key, value, place }) => {
        if (key === null || value === null) return
        const own = decodeMapKey(key, place)
        if (own.cluster !== this.#source.clusterId) return
        const { pipeline, from, start } = decodeMapEntry(value, place)
        // At least once, the first entry may be there without its position: then there is next to nothing to repeat.
        if (pipeline === name && (exactlyOnce || from > start))
          found.set(`${own.topic}/${own.partition}`, own)
      },
      // What is committed is proof enough; an open transaction may be that of a dead worker, which is not fenced yet.
      { upTo: 'stable' },
    )
    return [...found.values()]
  }
}
