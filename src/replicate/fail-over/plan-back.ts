import type { Position } from '../../kafka/index.ts'
import {
  type LogTable,
  type MapSet,
  type MergeSource,
  translate,
  translateMerged,
  type WantedPosition,
} from '../../offsets/index.ts'
import { isOwnMetadata } from '../sync/guard.ts'

/**
 * Where a group that stands on the target has to go on at the source, by the maps of the way back. Pure.
 *
 * Records written on the target since the copy are not on the source: a position behind them leads to the end of what both have, and says so.
 */
export function planBack(
  group: string,
  positions: readonly Position[],
  back: MapSet,
  logs: LogTable,
  prefix: string,
): readonly WantedPosition[] {
  const own = new Map(positions.map((position) => [`${position.topic}/${position.partition}`, position]))
  const places = new Map<string, { readonly topic: string; readonly partition: number }>()
  for (const { topic, partition } of positions) {
    for (const map of back.from(topic, partition)) {
      places.set(`${map.targetTopic}/${map.targetPartition}`, {
        topic: map.targetTopic,
        partition: map.targetPartition,
      })
    }
  }
  return [...places.values()].map(({ topic, partition }): WantedPosition => {
    const maps = back.into(topic, partition)
    const from = maps.flatMap((map) => own.get(`${map.sourceTopic}/${map.sourcePartition}`) ?? [])
    const only = from.length === 1 && maps.length === 1 ? from[0] : undefined
    const metadata = only && isOwnMetadata(prefix, only.metadata) ? only.metadata : ''
    const log = logs.get(topic)?.get(partition) ?? { logStart: 0n, logEnd: 0n }
    const base = { group, topic, partition, metadata, from }
    const found =
      only && maps[0] ? translate(maps[0], only.offset, log) : translateMerged(mergeOf(maps, own), log)
    const reread = 'reread' in found ? found.reread : 0
    if (found.target === undefined) {
      const reason = 'the map was trimmed, and the position lies before what it knows'
      return { ...base, offset: undefined, kind: found.kind, reason, reread: 0 }
    }
    return {
      ...base,
      offset: found.target,
      kind: found.kind,
      reason: reasonOf(found.kind, from, maps),
      reread,
    }
  })
}

function mergeOf(maps: MapSet['maps'], own: ReadonlyMap<string, Position>): readonly MergeSource[] {
  return maps.map((map) => ({
    map,
    position: own.get(`${map.sourceTopic}/${map.sourcePartition}`)?.offset,
  }))
}

function reasonOf(kind: string, from: readonly Position[], maps: MapSet['maps']): string {
  if (kind !== 'ahead-of-copy') return ''
  const behind = from.find(({ topic, partition, offset }) =>
    maps.some(
      (map) => map.sourceTopic === topic && map.sourcePartition === partition && offset > map.sourceEnd,
    ),
  )
  return behind === undefined
    ? 'records written on the target since are not on the source'
    : `the group has read to ${behind.offset} in ${behind.topic}/${behind.partition}: what was written on the target since is not on the source`
}
