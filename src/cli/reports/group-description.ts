import type { InspectedPosition } from '../../offsets/index.ts'
import { csvText } from '../render/machine-formats.ts'
import { countText, plural } from '../render/quantities.ts'
import { type Column, heavyRule, lightRule, printable, tableLines } from '../render/table.ts'
import {
  behindText,
  byName,
  type GroupOn,
  headObject,
  outside,
  rangeText,
  type SeenCluster,
} from './group-rows.ts'

/** The fields of `groups describe -o json`. */
export function groupObject(seen: readonly SeenCluster[]): Readonly<Record<string, unknown>> {
  const rows = [...byName(seen).values()].flat()
  return {
    ...headObject(seen),
    groups: rows.map(({ name, group }) => ({
      cluster: name,
      group: group.group,
      type: group.type,
      state: group.state,
      protocol: group.protocolType,
      members: group.members.map(({ memberId, clientId, host }) => ({
        member_id: memberId,
        client_id: clientId,
        host,
      })),
      positions: group.positions.map(positionObject),
    })),
  }
}

function positionObject(one: InspectedPosition): Readonly<Record<string, unknown>> {
  return {
    topic: one.topic,
    partition: one.partition,
    position: one.position ?? null,
    log_start: one.logStart ?? null,
    log_end: one.logEnd ?? null,
    lag: one.lag ?? null,
    time_lag_ms: one.timeLag ?? null,
    in_range: one.inRange ?? null,
    metadata: one.metadata,
  }
}

const csvColumns = [
  ...['cluster', 'group', 'type', 'state', 'protocol', 'members'],
  ...['topic', 'partition', 'position', 'log_start', 'log_end', 'lag', 'time_lag_ms', 'in_range', 'metadata'],
]

/** The same as CSV, a row for each partition; a group without positions has one row without them. */
export function groupCsv(seen: readonly SeenCluster[]): string {
  const rows = [...byName(seen).values()].flat().flatMap(({ name, group }) => {
    const head = [name, group.group, group.type, group.state, group.protocolType, group.members.length]
    if (group.positions.length === 0) return [[...head, ...Array<undefined>(9).fill(undefined)]]
    return group.positions.map((position) => [...head, ...Object.values(positionObject(position))])
  })
  return csvText(csvColumns, rows)
}

/** Groups for people; of two clusters the positions stand beside each other. */
export function groupText(seen: readonly SeenCluster[]): string {
  const groups = byName(seen)
  if (groups.size === 0) return 'There is no such group\n'
  const several = seen.length > 1
  const lines = ['Groups', heavyRule]
  for (const [name, sides] of groups) {
    lines.push('', `Group: ${printable(name)}`, lightRule)
    for (const side of sides) lines.push(...sideLines(side, several))
    lines.push('', ...positionLines(sides, seen))
  }
  return `${lines.join('\n')}\n`
}

function sideLines({ name, group }: GroupOn, several: boolean): readonly string[] {
  const protocol = group.protocolType === '' ? '' : `, protocol ${group.protocolType}`
  const what = `${group.type}, ${group.state}${protocol}, ${plural(group.members.length, 'member')}`
  return [
    `${several ? `${name}: ` : ''}${printable(what)}`,
    ...group.members.map(
      ({ clientId, host, memberId }) => `  ${printable(`${clientId} at ${host} (${memberId})`)}`,
    ),
    ...(outside(group).length === 0
      ? []
      : [`  ${plural(outside(group).length, 'position')} outside the log`]),
  ]
}

function positionLines(sides: readonly GroupOn[], seen: readonly SeenCluster[]): readonly string[] {
  const places = new Map(
    sides.flatMap(({ group }) => group.positions).map((one) => [`${one.topic}/${one.partition}`, one]),
  )
  if (places.size === 0) return ['No positions']
  const rows = [...places.values()].sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition,
  )
  const columns: readonly Column[] = [
    { title: 'Topic', width: 9 },
    { title: 'Partition' },
    ...seen.flatMap(({ name }) => sideColumns(seen.length > 1 ? `${name} ` : '')),
  ]
  const [title = '', ...cells] = tableLines(
    columns,
    rows.map(({ topic, partition }) => [
      topic,
      String(partition),
      ...seen.flatMap(({ name }) => {
        const side = sides.find((one) => one.name === name)
        return cellsOf(
          side?.group.positions.find((one) => one.topic === topic && one.partition === partition),
        )
      }),
    ]),
  )
  return [title, lightRule, ...cells]
}

function sideColumns(prefix: string): readonly Column[] {
  return ['Position', 'Log', 'Lag', 'Behind', 'In Range'].map((title) => ({ title: `${prefix}${title}` }))
}

function cellsOf(position: InspectedPosition | undefined): readonly string[] {
  if (position === undefined) return ['-', '-', '-', '-', '-']
  const { logStart, logEnd, lag } = position
  return [
    position.position === undefined ? '-' : String(position.position),
    logStart === undefined || logEnd === undefined ? '-' : `${logStart}-${logEnd}`,
    lag === undefined ? '-' : countText(lag),
    behindText(position.timeLag),
    rangeText(position.inRange),
  ]
}
