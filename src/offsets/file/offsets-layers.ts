import { createHash } from 'node:crypto'
import { TidemarkError } from '../../base/index.ts'
import { offsetToJson } from '../json-value.ts'
import { place } from '../plan/planner.ts'
import { shareMark } from '../share-mark.ts'
import {
  type OffsetsFile,
  positionsOf,
  type RemovedPosition,
  type SavedGroup,
  type SavedPosition,
} from './offsets-file.ts'

/** A file with the name that it goes by in messages. */
export interface NamedOffsets {
  readonly name: string
  readonly file: OffsetsFile
}

/**
 * SHA-256 over the positions of a file, hex: which group goes on where, and with what metadata. Times, lag, order and layout
 * do not count.
 */
export function offsetsHash(file: OffsetsFile): string {
  const lines = [...positionsOf(file)].map(([{ group }, topic, { partition, offset, metadata }]) =>
    JSON.stringify([group, topic, partition, offsetToJson(offset), metadata ?? '']),
  )
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

/**
 * What is in `now` and not in `base`, or different there, and what is gone: a file that means `now` when it is laid over
 * `base`. Positions of groups that `wanted` does not choose are neither changed nor gone.
 */
export function offsetsSince(
  base: OffsetsFile,
  now: OffsetsFile,
  wanted: (group: string) => boolean = () => true,
): OffsetsFile {
  const before = index(base)
  const groups = now.groups.flatMap((group): readonly SavedGroup[] => {
    const topics = [...group.topics].flatMap(([topic, positions]) => {
      const changed = positions.filter((position) => {
        const was = before.get(group.group)?.get(place(topic, position.partition))
        return was === undefined || !isSame(was, position)
      })
      return changed.length === 0 ? [] : [[topic, changed] as const]
    })
    return topics.length === 0 ? [] : [{ ...group, topics: new Map(topics) }]
  })
  const after = index(now)
  const removed = [...positionsOf(base)].flatMap(([{ group }, topic, { partition }]): RemovedPosition[] =>
    !wanted(group) || after.get(group)?.has(place(topic, partition)) ? [] : [{ group, topic, partition }],
  )
  return { ...now, groups, base: { taken: base.taken, hash: offsetsHash(base) }, removed }
}

/**
 * A complete file and the differential ones that follow it, as one. A single differential file is taken for what it holds.
 * Throws FILE_NOT_READABLE when one does not build on those before it.
 */
export function layerOffsets(files: readonly [NamedOffsets, ...NamedOffsets[]]): OffsetsFile {
  const [first, ...rest] = files
  return rest.reduce((below, { name, file }) => {
    if (file.base === undefined) {
      throw new TidemarkError(
        'FILE_NOT_READABLE',
        `${name} is complete by itself, not the change of another`,
        {
          hint: 'Name one complete file first, then the differential ones in the order in which they were taken.',
        },
      )
    }
    if (file.base.hash !== offsetsHash(below)) {
      throw new TidemarkError('FILE_NOT_READABLE', `${name} does not build on the files named before it`, {
        hint: `It was made against positions of ${new Date(file.base.taken).toISOString()}: name that file, unchanged, and all between.`,
      })
    }
    return layer(below, file)
  }, first.file)
}

function layer(below: OffsetsFile, above: OffsetsFile): OffsetsFile {
  const gone = new Set(above.removed.map((one) => JSON.stringify([one.group, one.topic, one.partition])))
  const groups = new Map<
    string,
    { type: SavedGroup['type']; taken: number; topics: Map<string, Map<number, SavedPosition>> }
  >()
  for (const file of [below, above]) {
    for (const [{ group, type, taken }, topic, position] of positionsOf(file)) {
      if (file === below && gone.has(JSON.stringify([group, topic, position.partition]))) continue
      const kept = groups.get(group) ?? { type, taken, topics: new Map<string, Map<number, SavedPosition>>() }
      groups.set(group, kept)
      kept.type = type
      kept.taken = taken
      const partitions = kept.topics.get(topic) ?? new Map<number, SavedPosition>()
      kept.topics.set(topic, partitions)
      partitions.set(position.partition, position)
    }
  }
  return {
    taken: above.taken,
    cluster: above.cluster,
    groups: [...groups].map(([group, { type, taken, topics }]) => ({
      group,
      ...shareMark(type === 'share'),
      taken,
      topics: new Map(
        [...topics].map(([topic, partitions]) => [
          topic,
          [...partitions.values()].sort((a, b) => a.partition - b.partition),
        ]),
      ),
    })),
    base: below.base,
    removed: below.removed,
  }
}

function isSame(a: SavedPosition, b: SavedPosition): boolean {
  return a.offset === b.offset && (a.metadata ?? '') === (b.metadata ?? '')
}

function index(file: OffsetsFile): ReadonlyMap<string, ReadonlyMap<string, SavedPosition>> {
  const groups = new Map<string, Map<string, SavedPosition>>()
  for (const [{ group }, topic, position] of positionsOf(file)) {
    const positions = groups.get(group) ?? new Map<string, SavedPosition>()
    groups.set(group, positions)
    positions.set(place(topic, position.partition), position)
  }
  return groups
}
