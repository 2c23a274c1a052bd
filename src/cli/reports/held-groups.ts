import type { HeldGroup } from '../../offsets/index.ts'
import { countText, timeText } from '../render/quantities.ts'
import { type Column, tableLines } from '../render/table.ts'

/** The fields of `groups hold -o json`. */
export function heldObject(
  groups: readonly HeldGroup[],
  interrupted: boolean,
): Readonly<Record<string, unknown>> {
  return {
    interrupted,
    groups: groups.map(({ group, state, positions, held, lastHeld, error }) => ({
      group,
      state,
      positions,
      times_held: held,
      last_held: lastHeld === undefined ? null : timeText(lastHeld),
      error: error === undefined ? null : { code: error.code, message: error.message },
    })),
  }
}

const columns: readonly Column[] = [
  { title: 'Group' },
  { title: 'State' },
  { title: 'Positions', numeric: true },
  { title: 'Times Held', numeric: true },
  { title: 'Last Held' },
  { title: 'Note' },
]

/** The same for people. */
export function heldText(groups: readonly HeldGroup[]): string {
  if (groups.length === 0) return 'No group was held\n'
  const rows = groups.map(({ group, state, positions, held, lastHeld, error }) => [
    group,
    state,
    countText(positions),
    countText(held),
    timeText(lastHeld),
    error === undefined ? '' : `${error.message} [${error.code}]`,
  ])
  return `${tableLines(columns, rows).join('\n')}\n`
}
