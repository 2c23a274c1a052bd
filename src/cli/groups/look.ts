import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { collect } from '../flags/restore-flags.ts'
import { lineOfError } from '../render/error-text.ts'
import { yamlText } from '../render/machine-formats.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { SeenCluster } from '../reports/group-rows.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import {
  addGroupChoice,
  addGroupFlags,
  addSourceFlags,
  type ChosenGroups,
  connectSource,
  type GroupFlags,
  patternsOf,
  type SourceFlags,
} from './group-flags.ts'

const formats: readonly Format[] = ['text', 'json', 'csv', 'yaml']

interface Flags extends GroupFlags, ChosenGroups, SourceFlags, FormatFlags {
  readonly state?: readonly string[]
  /** Only of `describe`. */
  readonly times?: boolean
}

/** `groups list`. */
export function defineList(command: Command, session: Session): void {
  const list = command
    .command('list')
    .description('List groups of every type: state, protocol, members, positions and lag.')
  addLookFlags(list).addHelpText(
    'after',
    `
Examples:
  kafka-backup groups list --bootstrap-servers kafka:9092
  kafka-backup groups list --groups 'orders-*' --state empty --bootstrap-servers kafka:9092
  kafka-backup groups list --bootstrap-servers kafka-dr:9092 --source-bootstrap-servers kafka:9092 -o csv`,
  )
  list.action(async (flags: Flags) => {
    const format = formatOf(flags, formats)
    const seen = await look(flags, session, false)
    const reports = await import('../reports/group-list.ts')
    if (format === 'csv') session.out.write(reports.groupListCsv(seen))
    else if (format === 'yaml') session.out.write(await yamlText(reports.groupListObject(seen)))
    else await session.print(format, reports.groupListObject(seen), () => reports.groupListText(seen))
  })
}

/** `groups describe`. */
export function defineDescribe(command: Command, session: Session): void {
  const describe = command
    .command('describe')
    .description('Describe groups: members, and each position with log, lag and range.')
  addLookFlags(describe)
    .option('--no-times', 'do not read records for the lag in time')
    .addHelpText(
      'after',
      `
The lag in time is the time of the newest record less that of the record at the position. Both are read (--no-times
leaves it out).

Examples:
  kafka-backup groups describe --groups orders --bootstrap-servers kafka:9092
  kafka-backup groups describe --groups '~team-a\\..*' --bootstrap-servers kafka-dr:9092 \\
    --source-bootstrap-servers kafka:9092`,
    )
  describe.action(async (flags: Flags) => {
    const format = formatOf(flags, formats)
    const seen = await look(flags, session, flags.times ?? true)
    const reports = await import('../reports/group-description.ts')
    if (format === 'csv') session.out.write(reports.groupCsv(seen))
    else if (format === 'yaml') session.out.write(await yamlText(reports.groupObject(seen)))
    else await session.print(format, reports.groupObject(seen), () => reports.groupText(seen))
  })
}

function addLookFlags(command: Command): Command {
  addGroupChoice(command).option(
    '--state <a,b,…>',
    'only groups in these states: stable, empty, dead, assigning, …',
    collect,
  )
  return addGroupFlags(addFormatFlags(addSourceFlags(command), formats))
}

/** Reads the groups of one or two clusters. Rejects with GROUP_NOT_FOUND for a name that none of them has. */
async function look(flags: Flags, session: Session, times: boolean): Promise<readonly SeenCluster[]> {
  await session.show(flags)
  const { inspectGroups } = await import('../../offsets/index.ts')
  const groups = await patternsOf(flags)
  const states = await statesOf(flags)
  const options = { signal: session.signal, groups, states, times }
  await using source = await connectSource(flags, session)
  await using target = await connectTarget(flags, session)
  const [from, to] = await Promise.all([
    source && inspectGroups(source, options),
    inspectGroups(target, options),
  ])
  const seen: readonly SeenCluster[] = [
    ...(from ? [{ name: 'source' as const, cluster: from }] : []),
    { name: 'target', cluster: to },
  ]
  const refused = seen.flatMap(({ cluster }) => cluster.failed)[0]
  if (refused && seen.every(({ cluster }) => cluster.groups.length === 0)) throw refused.error
  const named = groups.filter(({ literal }) => literal).map(({ text }) => text)
  const found = new Set(
    seen.flatMap(({ cluster }) => [
      ...cluster.groups.map(({ group }) => group),
      ...cluster.failed.map(({ item }) => item),
    ]),
  )
  const missing = states.length > 0 ? [] : named.filter((name) => !found.has(name))
  if (missing.length > 0 && missing.length === named.length && found.size === 0) {
    const [group = ''] = missing
    throw new TidemarkError('GROUP_NOT_FOUND', `Consumer group '${group}' not found`, { details: { group } })
  }
  for (const group of missing) {
    session.log('error', `Consumer group '${printable(group)}' not found`)
    session.status = 3
  }
  for (const one of seen) warn(one, seen.length > 1, session)
  return seen
}

/** States that groups of any type can be in, as brokers call them. */
const knownStates = [
  ...['Stable', 'Empty', 'Dead', 'PreparingRebalance', 'CompletingRebalance'],
  ...['Assigning', 'Reconciling', 'NotReady', 'Unknown'],
]

/** What `--state` names. Throws USAGE for what is no state: it would choose nothing. */
async function statesOf({ state = [] }: Flags): Promise<readonly string[]> {
  const { nearest } = await import('../../base/index.ts')
  const states = splitPatterns(state, '--state')
  const known = new Map(knownStates.map((name) => [name.toLowerCase(), name]))
  for (const name of states) {
    if (known.has(name.toLowerCase())) continue
    const near = known.get(nearest(name.toLowerCase(), known.keys()) ?? '')
    throw new TidemarkError('USAGE', `--state: ${JSON.stringify(name)} is no state of a group`, {
      hint: near === undefined ? `Groups are ${knownStates.join(', ')}.` : `Did you mean ${near}?`,
    })
  }
  return states
}

/** Everything that is not in the answer, and why. */
function warn({ name, cluster }: SeenCluster, several: boolean, session: Session): void {
  const where = several ? ` on the ${name}` : ''
  for (const { item, error } of cluster.failed) {
    session.log('error', `The group ${printable(item)}${where} could not be read: ${lineOfError(error)}`)
    session.status = 3
  }
  const [unmeasured] = cluster.unmeasured
  if (unmeasured) session.log('warn', `Some logs${where} could not be read: ${lineOfError(unmeasured)}`)
  const [untimed] = cluster.untimed
  if (untimed) {
    session.log(
      'warn',
      `The times of ${plural(cluster.untimed.length, 'record')}${where} are not known: ${lineOfError(untimed)}`,
    )
  }
}
