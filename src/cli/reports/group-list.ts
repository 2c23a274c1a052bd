import { csvText } from '../render/machine-formats.ts'
import { countText } from '../render/quantities.ts'
import { type Column, tableLines } from '../render/table.ts'
import {
  byName,
  type GroupOn,
  headObject,
  heldBy,
  outside,
  type SeenCluster,
  totalLag,
} from './group-rows.ts'

/** The fields of `groups list -o json`. */
export function groupListObject(seen: readonly SeenCluster[]): Readonly<Record<string, unknown>> {
  return { ...headObject(seen), groups: rowsOf(seen).map(rowObject) }
}

function rowObject({ name, group }: GroupOn): Readonly<Record<string, unknown>> {
  return {
    cluster: name,
    group: group.group,
    type: group.type,
    state: group.state,
    protocol: group.protocolType,
    members: group.members.length,
    positions: heldBy(group),
    lag: totalLag(group) ?? null,
    out_of_range: outside(group).length,
  }
}

/** The same as CSV, a row for each group of each cluster. */
export function groupListCsv(seen: readonly SeenCluster[]): string {
  const rows = rowsOf(seen).map(rowObject)
  const columns = [
    'cluster',
    'group',
    'type',
    'state',
    'protocol',
    'members',
    'positions',
    'lag',
    'out_of_range',
  ]
  return csvText(
    columns,
    rows.map((row) => columns.map((column) => row[column])),
  )
}

const columns: readonly Column[] = [
  { title: 'Group' },
  { title: 'Type' },
  { title: 'State' },
  { title: 'Protocol' },
  { title: 'Members', numeric: true },
  { title: 'Positions', numeric: true },
  { title: 'Lag', numeric: true },
  { title: 'Out Of Range', numeric: true },
]

/** The list for people; with two clusters a group's rows stand below each other. */
export function groupListText(seen: readonly SeenCluster[]): string {
  const rows = rowsOf(seen)
  if (rows.length === 0) return 'There is no such group\n'
  const several = seen.length > 1
  const lines = tableLines(
    several ? [...columns.slice(0, 1), { title: 'Cluster' }, ...columns.slice(1)] : columns,
    rows.map(({ name, group }) => {
      const lag = totalLag(group)
      return [
        group.group,
        ...(several ? [name] : []),
        group.type,
        group.state,
        group.protocolType === '' ? '-' : group.protocolType,
        countText(group.members.length),
        countText(heldBy(group)),
        lag === undefined ? '-' : countText(lag),
        countText(outside(group).length),
      ]
    }),
  )
  return `${lines.join('\n')}\n`
}

function rowsOf(seen: readonly SeenCluster[]): readonly GroupOn[] {
  return [...byName(seen).values()].flat()
}
