import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { HeldGroup, HoldState } from '../../offsets/index.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { lineOfError } from '../render/error-text.ts'
import { durationText, plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import {
  addGroupChoice,
  addGroupFlags,
  type ChosenGroups,
  durationOf,
  type GroupFlags,
  patternsOf,
} from './group-flags.ts'

interface Flags extends GroupFlags, ChosenGroups, FormatFlags {
  readonly interval?: string
  readonly untilActive?: boolean
}

const hour = 3_600_000
const week = 7 * 24 * hour

/** `groups hold`. */
export function defineHold(command: Command, session: Session): void {
  const hold = command
    .command('hold')
    .description(
      'Keep the positions of groups without members from expiring, until the applications are back.',
    )
  addGroupChoice(hold, "needed; '*' for all")
    .option(
      '--interval <time>',
      'time from one round to the next; else an hour, or a quarter of the retention',
    )
    .option('--until-active', 'end when every group has been seen with members')
  addGroupFlags(addFormatFlags(hold)).addHelpText(
    'after',
    `
Positions are committed again as they are, with their metadata. Each round reads them anew: one that somebody has set
meanwhile is not set back, and a group with members is not touched. Without --until-active it runs until it is
interrupted, and then reports (exit 130).

Examples:
  kafka-backup groups hold --groups 'orders-*' --bootstrap-servers kafka-dr:9092
  kafka-backup groups hold -g orders,payments --until-active --interval 30m --bootstrap-servers kafka-dr:9092`,
  )
  hold.action(async (flags: Flags) => {
    const format = formatOf(flags)
    await session.show(flags)
    required(flags.groups, '--groups')
    const patterns = await patternsOf(flags)
    const asked = flags.interval === undefined ? undefined : await durationOf(flags.interval, '--interval')
    await using cluster = await connectTarget(flags, session)
    const retention = await retentionOf(cluster, session)
    const interval = asked ?? Math.min(hour, retention / 4)
    if (interval >= retention) {
      throw new TidemarkError(
        'USAGE',
        `--interval ${flags.interval} is longer than positions are kept (${durationText(retention)})`,
        { hint: 'Choose an interval well below offsets.retention.minutes of the brokers.' },
      )
    }
    const { holdGroups } = await import('../../offsets/index.ts')
    const { signal, clock } = session
    session.log(
      'info',
      `A round every ${durationText(interval)}; positions are kept for ${durationText(retention)}`,
    )
    const groups = await holdGroups(cluster, {
      signal,
      clock,
      interval,
      // A round may be late; what has been held once has the whole retention again.
      keep: Math.max(retention, 2 * interval),
      wanted: (group) => patterns.some((pattern) => pattern.matches(group)),
      named: patterns.filter(({ literal }) => literal).map(({ text }) => text),
      untilActive: flags.untilActive ?? false,
      onRound: (round) => sayRound(round, session),
      onFailedRound: (error) =>
        session.log('error', `A round failed, and is done again: ${lineOfError(error)}`),
    })
    if (groups.length === 0 && !signal.aborted) {
      throw new TidemarkError('GROUP_NOT_FOUND', 'There is no such group to hold')
    }
    const reports = await import('../reports/held-groups.ts')
    await session.print(format, reports.heldObject(groups, signal.aborted), () => reports.heldText(groups))
    const named = new Set(patterns.filter(({ literal }) => literal).map(({ text }) => text))
    const without = groups.filter(({ group, state }) => named.has(group) && state === 'no-positions')
    for (const { group } of without)
      session.log('error', `The group ${printable(group)} has no positions to hold`)
    const failed = without.length > 0 || groups.some(({ state }) => state === 'failed')
    session.status = signal.aborted ? 130 : failed ? 3 : 0
  })
}

/** Ms for which the brokers keep positions of a group without members; a week, the default, where that may not be read. */
async function retentionOf(cluster: Cluster, session: Session): Promise<number> {
  try {
    const minutes = Number(await cluster.brokerConfig('offsets.retention.minutes'))
    if (Number.isFinite(minutes) && minutes > 0) return minutes * 60_000
  } catch (error) {
    session.signal.throwIfAborted()
    session.log('warn', `offsets.retention.minutes is not known and taken for 7 days: ${lineOfError(error)}`)
  }
  return week
}

const words: Readonly<Record<HoldState, string>> = {
  held: 'held',
  active: 'with members',
  moving: 'in use',
  'no-positions': 'without positions',
  share: 'of type share, which do not expire',
  gone: 'not there',
  failed: 'failed',
}

function sayRound(groups: readonly HeldGroup[], session: Session): void {
  const counts = Map.groupBy(groups, ({ state }) => state)
  const parts = [...counts].map(([state, of]) => `${of.length} ${words[state]}`)
  session.log(
    'info',
    groups.length === 0 ? 'No group to hold' : `${plural(groups.length, 'group')}: ${parts.join(', ')}`,
  )
  for (const { group, error } of groups) {
    if (error) session.log('error', `The group ${printable(group)} was not held: ${lineOfError(error)}`)
  }
}
