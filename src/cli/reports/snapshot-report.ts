import type { Snapshot, TakenSnapshot } from '../../offsets/index.ts'
import { plural, timeText } from '../render/quantities.ts'
import { type Column, fieldLines, heavyRule, lightRule, printable, tableLines } from '../render/table.ts'

/** A snapshot that was just saved, and where. */
export interface SavedSnapshot {
  readonly snapshot: Snapshot
  readonly taken: TakenSnapshot
  /** Folder, URL or file. */
  readonly place: string
}

/** The fields of `offset-rollback snapshot -o json`. */
export function savedObject({ snapshot, taken, place }: SavedSnapshot): Readonly<Record<string, unknown>> {
  return {
    ...headObject(snapshot),
    place,
    groups: snapshot.groups.length,
    positions: positionsIn(snapshot),
    removed: snapshot.removed.length,
    active_groups: taken.active.map(({ group }) => group),
    empty_groups: taken.empty,
    unstable_groups: taken.unstable,
  }
}

/** The same for people. */
export function savedText({ snapshot, place }: SavedSnapshot): string {
  const { base, groups, removed } = snapshot
  const count = plural(positionsIn(snapshot), base === undefined ? 'position' : 'changed position')
  const gone = removed.length === 0 ? '' : `, ${plural(removed.length, 'position')} gone`
  const since = base === undefined ? '' : ` since ${base.id}`
  return `Saved ${count} of ${plural(groups.length, 'group')}${gone}${since} as ${snapshot.id} in ${printable(place)}\n`
}

/** The fields of `offset-rollback show -o json`. */
export function snapshotObject(written: Snapshot, whole: Snapshot): Readonly<Record<string, unknown>> {
  return {
    ...headObject(written),
    plan_hash: written.planHash ?? null,
    groups: whole.groups.map(({ group, type, positions, absent }) => ({
      group,
      type: type ?? null,
      positions: positions.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
        topic,
        partition,
        offset,
        leader_epoch: leaderEpoch,
        metadata,
      })),
      absent: absent.map(({ topic, partition }) => ({ topic, partition })),
    })),
  }
}

const columns: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Position', width: 8 },
  { title: 'Metadata' },
]

/** The positions of a snapshot for people. */
export function snapshotText(written: Snapshot, whole: Snapshot): string {
  const { base } = written
  const lines = [
    'Offset Snapshot',
    heavyRule,
    ...fieldLines([
      ['ID', written.id],
      ['Created', timeText(written.created)],
      ['Description', written.description === '' ? '-' : written.description],
      ['Cluster', written.clusterId],
      ...(base === undefined ? [] : ([['Changes since', base.id]] as const)),
    ]),
  ]
  for (const { group, type, positions, absent } of whole.groups) {
    const rows = [
      ...positions.map(({ topic, partition, offset, metadata }) => ({
        topic,
        partition,
        offset: String(offset),
        metadata: metadata ?? '',
      })),
      ...absent.map(({ topic, partition }) => ({ topic, partition, offset: '-', metadata: '' })),
    ].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
    const [title = '', ...cells] = tableLines(
      columns,
      rows.map(({ topic, partition, offset, metadata }) => [topic, String(partition), offset, metadata]),
    )
    const kind = type === 'share' ? 'Share Group' : 'Consumer Group'
    lines.push('', `${kind}: ${printable(group)}`, lightRule)
    lines.push(...(rows.length === 0 ? ['No positions'] : [title, lightRule, ...cells]))
  }
  const kept = `${plural(positionsIn(whole), 'position')} of ${plural(whole.groups.length, 'group')}`
  return `${[...lines, '', kept].join('\n')}\n`
}

function headObject(snapshot: Snapshot): Readonly<Record<string, unknown>> {
  return {
    snapshot_id: snapshot.id,
    cluster_id: snapshot.clusterId,
    created: timeText(snapshot.created),
    description: snapshot.description,
    since: snapshot.base?.id ?? null,
  }
}

function positionsIn({ groups }: Snapshot): number {
  return groups.reduce((sum, { positions }) => sum + positions.length, 0)
}
