import type { Plan, PlanTable } from '../../offsets/index.ts'
import { csvText } from '../render/machine-formats.ts'
import { countText, timeText } from '../render/quantities.ts'
import { heavyRule, lightRule, printable, tableLines } from '../render/table.ts'

/** The plan for people. */
export function planText(table: PlanTable, title = 'Offset Reset Plan'): string {
  const lines = [title, heavyRule]
  const notes = table.groups.some(({ rows }) => rows.some(({ note }) => note !== ''))
  for (const { group, rows } of table.groups) {
    const columns = [
      { title: 'Topic', width: 9 },
      { title: 'Partition' },
      { title: 'Current', width: 7 },
      { title: 'Target', width: 7 },
      { title: 'Action' },
      ...(notes ? [{ title: 'Note' }] : []),
    ]
    const [names = '', ...cells] = tableLines(
      columns,
      rows.map((row) => [
        row.topic,
        row.partition,
        row.current,
        row.target,
        row.action,
        ...(notes ? [row.note] : []),
      ]),
    )
    lines.push('', `Consumer Group: ${printable(group)}`, lightRule, names, lightRule, ...cells)
  }
  lines.push('', `Total partitions to reset: ${table.toReset}`)
  if (table.toDelete > 0) lines.push(`Positions to delete: ${countText(table.toDelete)}`)
  if (table.reread > 0) lines.push(`Records that will be read again: ${countText(table.reread)}`)
  if (table.map !== undefined) lines.push(`Translated by ${printable(table.map)}`)
  if (table.expires !== undefined) {
    lines.push(
      `Set now, the target forgets positions of groups without consumers from ${timeText(table.expires)} on, earlier where consumers left a group before`,
    )
  }
  if (table.notices.length > 0) {
    lines.push(
      '',
      'Notices:',
      ...table.notices.map((notice) => `  ${printable(notice.message)} [${notice.code}]`),
    )
  }
  return `${lines.join('\n')}\n`
}

/** The plan as CSV, a row for each group and partition. */
export function planCsv(plan: Plan): string {
  return csvText(
    ['group', 'topic', 'partition', 'current', 'target', 'action', 'kind', 'reread', 'reason'],
    plan.entries.map((entry) => [
      entry.group,
      entry.topic,
      entry.partition,
      entry.current?.offset,
      entry.target,
      entry.action,
      entry.kind,
      entry.reread,
      entry.reason,
    ]),
  )
}

/** Whether the plan can be applied as it stands. */
export function isRefused(plan: Plan): boolean {
  return plan.entries.some(({ action }) => action === 'REFUSE')
}
