import type { ListedSnapshot } from '../../offsets/index.ts'
import { countText, timeText } from '../render/quantities.ts'
import { type Column, heavyRule, printable, tableLines } from '../render/table.ts'

/** The fields of `offset-rollback list -o json`. */
export function snapshotListObject(
  url: string,
  snapshots: readonly ListedSnapshot[],
): Readonly<Record<string, unknown>> {
  return {
    folder: url,
    snapshots: snapshots.map((one) =>
      'error' in one
        ? { snapshot_id: one.id, error: { code: one.error.code, message: one.error.message } }
        : {
            snapshot_id: one.id,
            created: timeText(one.heading.created),
            description: one.heading.description,
            cluster_id: one.heading.clusterId,
            plan_hash: one.heading.planHash ?? null,
            groups: one.heading.groups,
            positions: one.heading.positions,
            since: one.heading.since ?? null,
          },
    ),
  }
}

const columns: readonly Column[] = [
  { title: 'ID', width: 26 },
  { title: 'Created', width: 20 },
  { title: 'Groups' },
  { title: 'Description' },
]

/** The list for people. */
export function snapshotListText(url: string, snapshots: readonly ListedSnapshot[]): string {
  if (snapshots.length === 0) return `There is no snapshot in ${printable(url)}\n`
  const [title = '', ...cells] = tableLines(columns, snapshots.map(row))
  const rule = '─'.repeat(heavyRule.length)
  return `${['Offset Snapshots', heavyRule, title, rule, ...cells].join('\n')}\n`
}

function row(one: ListedSnapshot): readonly string[] {
  if ('error' in one) return [one.id, '-', '-', `${one.error.message} [${one.error.code}]`]
  const { created, groups, description, since } = one.heading
  const changes = since === undefined ? [] : [`changes since ${since}`]
  const notes = [...(description === '' ? [] : [description]), ...changes]
  return [one.id, timeText(created), countText(groups), notes.join('; ')]
}
