import { JsonValue } from '../../offsets/index.ts'
import { reading } from '../map-topic/map-record.ts'

/** Says that a shard was begun: what is new in it since then is copied from its beginning. */
export interface ShardMark {
  readonly pipeline: string
  /** Cluster id of the source. */
  readonly cluster: string
  readonly shard: number
}

export function encodeShardKey({ pipeline, cluster, shard }: ShardMark): Buffer {
  return Buffer.from(JSON.stringify({ type: 'shard', pipeline, cluster, shard }))
}

/** `begun`: ms since the epoch. */
export function encodeShardMark(begun: number): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, begun }))
}

/** Undefined for keys of another type. */
export function decodeShardKey(bytes: Buffer, place: string): ShardMark | undefined {
  return reading(place, () => {
    const key = JsonValue.parse(bytes.toString(), place)
    if (key.at('type').textOr('') !== 'shard') return undefined
    return {
      pipeline: key.at('pipeline').text(),
      cluster: key.at('cluster').text(),
      shard: key.at('shard').count(),
    }
  })
}
