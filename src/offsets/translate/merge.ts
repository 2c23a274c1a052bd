import { invariant } from '../../base/index.ts'
import type { PartitionMap } from '../map/partition-map.ts'
import { floorOf } from './floor.ts'
import { type LogBounds, type OutOfRange, type TranslationKind, withinLog } from './translation.ts'

/** One source partition whose records went (among others) into a target partition. */
export interface MergeSource {
  readonly map: PartitionMap
  /** Next offset to read on the source; undefined when the group has no position there. */
  readonly position: bigint | undefined
}

/**
 * What to take for a source partition in which the group has no position: all of it unread, or all of it
 * read.
 */
export type MissingPolicy = 'earliest' | 'latest'

/**
 * Where to read on in a target partition that holds records of several source partitions, or a part of one.
 */
export type MergedTranslation =
  | {
      readonly kind: Exclude<TranslationKind, 'unmapped'>
      readonly target: bigint
      readonly outOfRange?: OutOfRange
      /**
       * Records that the group had read and will read again, because one that it had not read lies before
       * them; of a `floor` answer: at most so many.
       */
      readonly reread: number
    }
  | { readonly kind: 'unmapped'; readonly target: undefined; readonly source: PartitionMap }

/**
 * The first record of a target partition that no source position has consumed; the end of the copy when all
 * of them are consumed. Consumed records that come after it are counted: they will be read again, none is
 * skipped.
 *
 * All sources must be maps into the same target partition.
 */
export function translateMerged(
  sources: readonly MergeSource[],
  log: LogBounds,
  missing: MissingPolicy = 'earliest',
): MergedTranslation {
  const [any] = sources
  invariant(any !== undefined, 'a target partition has at least one source')
  const asked = sources.map(({ map, position }) => {
    invariant(
      map.targetTopic === any.map.targetTopic && map.targetPartition === any.map.targetPartition,
      'maps into different target partitions cannot be merged',
    )
    const from = position ?? (missing === 'latest' ? map.sourceEnd : 0n)
    const floor = map.floor ? floorOf(map, from) : undefined
    return { map, from, next: floor?.target ?? map.find(from)?.target, atMost: floor?.atMost }
  })
  const unmapped = asked.find(({ map, from }) => map.completeFrom !== undefined && from < map.completeFrom)
  if (unmapped) return { kind: 'unmapped', target: undefined, source: unmapped.map }

  const filled = asked.filter(({ map }) => map.records > 0 || map.floor)
  if (filled.length === 0) {
    const start = asked.map(({ map }) => map.copyStart).reduce((a, b) => (a < b ? a : b))
    return { kind: 'empty', reread: 0, ...withinLog(start, log) }
  }
  const open = filled.flatMap(({ next }) => (next === undefined ? [] : [next]))
  if (open.length === 0) {
    const end = filled.map(({ map }) => map.targetEnd).reduce((a, b) => (a > b ? a : b))
    const ahead = asked.some(({ map, from }) => from > map.sourceEnd)
    return { kind: ahead ? 'ahead-of-copy' : 'exact', reread: 0, ...withinLog(end, log) }
  }
  const target = open.reduce((a, b) => (a < b ? a : b))
  let reread = 0
  for (const { map, from } of filled) {
    reread += Math.max(0, map.countBefore(from) - map.countBeforeTarget(target))
  }
  const floor = filled.find(({ next, atMost }) => next === target && atMost !== undefined)
  if (floor?.atMost !== undefined) {
    return { kind: 'floor', reread: reread + Number(floor.atMost), ...withinLog(target, log) }
  }
  const before = filled.every(({ map, from }) => map.first !== undefined && from < map.first.source)
  return { kind: before ? 'before-copy' : 'exact', reread, ...withinLog(target, log) }
}
