import type { PositionDifference, Snapshot, SnapshotComparison } from '../../offsets/index.ts'
import { plural } from '../render/quantities.ts'
import { type Column, tableLines } from '../render/table.ts'

/** The fields of `offset-rollback verify -o json`. */
export function comparisonObject(
  snapshot: Snapshot,
  { groups, same, differences }: SnapshotComparison,
): Readonly<Record<string, unknown>> {
  return {
    snapshot_id: snapshot.id,
    cluster_id: snapshot.clusterId,
    verified: differences.length === 0,
    groups,
    same,
    differences: differences.map(({ group, topic, partition, kind, saved, found }) => ({
      group,
      topic,
      partition,
      kind,
      saved: sideObject(saved),
      found: sideObject(found),
    })),
  }
}

const columns: readonly Column[] = [
  { title: 'Group' },
  { title: 'Partition' },
  { title: 'Difference' },
  { title: 'Saved', numeric: true },
  { title: 'Found', numeric: true },
  { title: 'Note' },
]

/** The comparison for people. */
export function comparisonText({ id }: Snapshot, { groups, same, differences }: SnapshotComparison): string {
  const held = `${plural(same, 'position')} of ${plural(groups, 'group')}`
  if (differences.length === 0) return `Verified: ${held} are as ${id} has them\n`
  return `${[
    `${plural(differences.length, 'difference')} from ${id}; ${plural(same, 'position')} as saved`,
    '',
    ...tableLines(columns, differences.map(row)),
  ].join('\n')}\n`
}

function row({ group, topic, partition, kind, saved, found }: PositionDifference): readonly string[] {
  const note =
    saved === undefined || found === undefined || (saved.metadata ?? '') === (found.metadata ?? '')
      ? ''
      : `metadata ${JSON.stringify(saved.metadata)} → ${JSON.stringify(found.metadata)}`
  const [was, is] = [saved, found].map((side) => String(side?.offset ?? '-'))
  return [group, `${topic}/${partition}`, kind, was ?? '-', is ?? '-', note]
}

function sideObject(side: PositionDifference['saved']): Readonly<Record<string, unknown>> | null {
  return side === undefined ? null : { offset: side.offset, metadata: side.metadata }
}
