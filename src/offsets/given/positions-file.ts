import { TidemarkError } from '../../base/index.ts'
import { type OffsetsFile, positionsOf } from '../file/offsets-file.ts'
import { offsetsFromJson } from '../file/offsets-json.ts'
import { layerOffsets, type NamedOffsets } from '../file/offsets-layers.ts'
import { JsonValue } from '../json-value.ts'
import { place } from '../plan/planner.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { snapshotFromJson } from '../snapshot/snapshot-file.ts'
import { layerSnapshots } from '../snapshot/snapshot-layers.ts'
import type { GivenGroup, GivenPosition, GivenPositions } from './given-positions.ts'
import { type KafkaCsvRow, readKafkaCsv } from './kafka-csv.ts'

/** A file with its text. */
export interface NamedText {
  readonly name: string
  readonly text: string
}

export interface PositionsFileOptions {
  /** Ms since the epoch: the time of a file that says none. */
  readonly now: number
  /** The group of a file of Kafka's own tool that holds one and does not name it. */
  readonly onlyGroup: string | undefined
}

/**
 * The positions that files hold: snapshots, files of `kmap`, or the CSV of `kafka-consumer-groups --export`, told apart by what is in
 * them. Several are a complete one and the differential ones that build on it. Throws FILE_NOT_READABLE, naming file and place.
 */
export function positionsFromFiles(
  files: readonly [NamedText, ...NamedText[]],
  options: PositionsFileOptions,
): GivenPositions {
  const kinds = files.map(kindOf)
  const [kind] = kinds
  const other = kinds.findIndex((one) => one !== kind)
  if (other >= 0) {
    throw new TidemarkError(
      'FILE_NOT_READABLE',
      `${files[other]?.name} is another kind of file than ${files[0].name}`,
      { hint: 'Name one complete file, then the differential ones of the same kind that build on it.' },
    )
  }
  if (kind === 'csv') return csvPositions(files, options)
  if (kind === 'snapshot')
    return snapshotPositions(each(files, ({ text, name }) => snapshotFromJson(text, name)))
  const read = each(
    files,
    ({ text, name }): NamedOffsets => ({ name, file: offsetsFromJson(text, name).file }),
  )
  return offsetsPositions(layerOffsets(read))
}

function kindOf({ text, name }: NamedText): 'csv' | 'snapshot' | 'offsets' {
  if (!/^\ufeff?\s*\{/.test(text)) return 'csv'
  const root = JsonValue.parse(text, name)
  if (root.at('consumer_groups').present) return 'offsets'
  if (root.at('format').present) return 'snapshot'
  throw new TidemarkError('FILE_NOT_READABLE', `${name} holds no positions that are known here`, {
    hint: 'Known are snapshots of offset-rollback, files of kmap -save-offsets, and the CSV of kafka-consumer-groups --export.',
  })
}

function snapshotPositions(chain: readonly [Snapshot, ...Snapshot[]]): GivenPositions {
  const whole = layerSnapshots(chain)
  return { taken: whole.created, clusterId: whole.clusterId, groups: whole.groups, failed: [] }
}

function offsetsPositions(file: OffsetsFile): GivenPositions {
  const groups = new Map<string, GivenPosition[]>()
  const types = new Map(file.groups.map(({ group, type }) => [group, type]))
  for (const [{ group }, topic, { partition, offset, metadata, timestamp }] of positionsOf(file)) {
    const positions = groups.get(group) ?? []
    groups.set(group, positions)
    positions.push({ topic, partition, offset, metadata, timestamp })
  }
  const typed = groupList(groups).map((one) => ({ ...one, type: types.get(one.group) }))
  return { taken: file.taken, groups: typed, failed: [] }
}

function csvPositions(
  files: readonly [NamedText, ...NamedText[]],
  { now, onlyGroup }: PositionsFileOptions,
): GivenPositions {
  const groups = new Map<string, GivenPosition[]>()
  const seen = new Set<string>()
  for (const { name, text } of files) {
    for (const row of readKafkaCsv(text, name)) {
      const group = groupOf(row, name, onlyGroup)
      const key = JSON.stringify([group, place(row.topic, row.partition)])
      if (seen.has(key)) {
        throw new TidemarkError(
          'FILE_NOT_READABLE',
          `${name} holds a second position of '${group}' in ${row.topic}/${row.partition}`,
        )
      }
      seen.add(key)
      const positions = groups.get(group) ?? []
      groups.set(group, positions)
      const { topic, partition, offset } = row
      if (offset >= 0n) positions.push({ topic, partition, offset, metadata: null })
    }
  }
  const plain = groupList(groups).map((one) => ({ ...one, withoutMetadata: true }))
  return { taken: now, groups: plain, failed: [] }
}

function groupOf(row: KafkaCsvRow, name: string, onlyGroup: string | undefined): string {
  const group = row.group ?? onlyGroup
  if (group !== undefined) return group
  throw new TidemarkError('USAGE', `${name} holds the positions of one group and does not say which`, {
    hint: 'Name that group, and no other, with --groups.',
  })
}

function groupList(groups: ReadonlyMap<string, readonly GivenPosition[]>): readonly GivenGroup[] {
  return [...groups].map(([group, positions]) => ({ group, positions }))
}

function each<In, Out>(
  [first, ...rest]: readonly [In, ...In[]],
  change: (one: In) => Out,
): readonly [Out, ...Out[]] {
  return [change(first), ...rest.map(change)]
}
