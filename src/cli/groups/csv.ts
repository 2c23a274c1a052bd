import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import type { Plan, RangePolicy } from '../../offsets/index.ts'
import { formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { readTextFile, writeTextFile } from '../text-file.ts'
import {
  addChangeFlags,
  addRangeFlag,
  applyChange,
  type ChangeFlags,
  showOutcome,
  showPlan,
} from './change.ts'
import { chosenPositions } from './chosen-positions.ts'
import {
  addGroupChoice,
  addGroupFlags,
  type ChosenGroups,
  type GroupFlags,
  patternsOf,
} from './group-flags.ts'

interface ExportFlags extends GroupFlags, ChosenGroups {
  readonly output?: string
  readonly withoutGroup?: boolean
}

/** `groups export`. */
export function defineExport(command: Command, session: Session): void {
  const save = command
    .command('export')
    .description("Write positions in the CSV form of Kafka's own kafka-consumer-groups --export.")
  addGroupChoice(save)
    .option('--output <file>', 'write to this file, else to standard output')
    .option('--without-group', 'topic,partition,offset: of one group, which the tool then has to be told')
  addGroupFlags(save).addHelpText(
    'after',
    `
The form holds neither metadata nor types: share groups are left out, and named. Snapshots (offset-rollback snapshot)
hold everything.

Examples:
  kafka-backup groups export --groups orders,payments --output positions.csv --bootstrap-servers kafka:9092
  kafka-consumer-groups.sh --reset-offsets --from-file positions.csv --group orders --execute ...`,
  )
  save.action(async (flags: ExportFlags) => {
    await session.show(flags)
    const { kafkaCsvText } = await import('../../offsets/index.ts')
    await using cluster = await connectTarget(flags, session)
    const groups = await chosenPositions(cluster, flags, session)
    const share = groups.filter(({ type }) => type === 'share')
    const plain = groups.filter(({ type }) => type !== 'share')
    if (flags.withoutGroup && plain.length !== 1) {
      throw new TidemarkError('USAGE', `--without-group is for one group, and ${plain.length} are chosen`, {
        hint: 'Name one group with --groups.',
      })
    }
    const { text, rows, unreadable } = kafkaCsvText(plain, flags.withoutGroup !== true)
    if (flags.output === undefined) session.out.write(text)
    else await writeTextFile(flags.output, [text])
    leftOut(share, unreadable, session)
    session.log('info', `${plural(rows, 'position')} of ${plural(plain.length - unreadable.length, 'group')}`)
  })
}

function leftOut(share: readonly GroupPositions[], unreadable: readonly string[], session: Session): void {
  const say = (names: readonly string[], why: string) => {
    if (names.length === 0) return
    session.log('warn', `Left out, ${why}: ${names.map(printable).join(', ')}`)
    session.status = 3
  }
  say(
    share.map(({ group }) => group),
    'since the form has no place for share groups',
  )
  say(unreadable, 'since the tool cannot read a name with a line break')
}

interface ImportFlags extends ChangeFlags, ChosenGroups {
  readonly outOfRange: RangePolicy
}

/** `groups import`. */
export function defineImport(command: Command, session: Session): void {
  const load = command
    .command('import')
    .description(
      "Set positions from a CSV file of Kafka's own kafka-consumer-groups --export, or of groups export.",
    )
    .argument(
      '<file>',
      'topic,partition,offset of the group that --groups names, or group,topic,partition,offset',
    )
  addChangeFlags(addRangeFlag(addGroupChoice(load, 'all of the file without it'))).addHelpText(
    'after',
    `
The file holds no metadata: what the groups keep there stays. Groups with members, and groups whose position moves, are
refused (exit 4). The positions before are saved as a snapshot.

Examples:
  kafka-backup groups import positions.csv --bootstrap-servers kafka:9092 --dry-run
  kafka-backup groups import orders.csv --groups orders --bootstrap-servers kafka:9092`,
  )
  load.action(async (file: string, flags: ImportFlags) => {
    formatOf(flags)
    await session.show(flags)
    const rows = await rowsOf(file, flags)
    await using cluster = await connectTarget(flags, session)
    const { planFromRows, readTarget } = await import('../../offsets/index.ts')
    const names = [...new Set(rows.map(({ group }) => group))]
    const topics = [...new Set(rows.map(({ topic }) => topic))]
    const target = await readTarget(cluster, names, topics, { signal: session.signal })
    const plan: Plan = planFromRows(rows, file, {
      clusterId: cluster.clusterId,
      created: session.clock.now(),
      current: target.current,
      logs: target.logs,
      outOfRange: flags.outOfRange,
    })
    if (flags.dryRun) return await showPlan(plan, 'Offset Import Plan', flags, session)
    const report = await applyChange(plan, cluster, `Before groups import ${file}`, flags, session)
    await showOutcome(report, 'Offset Import', flags, session)
  })
}

/** The rows of the chosen groups, each with its group. Rejects with FILE_NOT_READABLE, GROUP_NOT_FOUND and USAGE. */
async function rowsOf(file: string, flags: ImportFlags) {
  const { readKafkaCsv } = await import('../../offsets/index.ts')
  const read = readKafkaCsv(await readTextFile(file), file)
  const patterns = await patternsOf(flags)
  const seen = new Set<string>()
  const rows = read.map((row) => {
    const [only] = patterns
    const group = row.group ?? (patterns.length === 1 && only?.literal ? only.text : undefined)
    const key = JSON.stringify([group, row.topic, row.partition])
    if (seen.has(key)) {
      throw new TidemarkError(
        'FILE_NOT_READABLE',
        `${file} holds more than one position for ${row.topic}/${row.partition} of the same group`,
      )
    }
    seen.add(key)
    return { ...row, group: required(group, '--groups NAME, the group that the file is of,') }
  })
  const chosen = rows.filter(
    ({ group }) => patterns.length === 0 || patterns.some((pattern) => pattern.matches(group)),
  )
  const missing = patterns.find(({ literal, text }) => literal && !chosen.some(({ group }) => group === text))
  if (missing || chosen.length === 0) {
    throw new TidemarkError(
      'GROUP_NOT_FOUND',
      missing
        ? `${file} holds no position of '${missing.text}'`
        : `${file} holds no positions that are asked for`,
    )
  }
  return chosen
}
