import type { Command } from 'commander'
import type { Override } from '../../config/index.ts'
import type { VerifyJob } from '../../restore/index.ts'
import { type ArchiveFlags, addArchiveFlags, archiveOf } from '../flags/archive-flags.ts'
import { addClusterFlags, type ClusterFlags, clusterOverrides } from '../flags/cluster-flags.ts'
import { countOf } from '../flags/count.ts'
import { folderOf } from '../flags/folder.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { required } from '../flags/required.ts'
import { collect, mappingOf } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import type { RunFlags, Session } from '../session.ts'

interface Flags extends ArchiveFlags, ClusterFlags, FormatFlags, RunFlags {
  readonly topics?: string
  readonly topicMapping?: readonly string[]
  /** False with `--no-groups`. */
  readonly groups?: string | false
  readonly restoreId?: string
  readonly stateFolder?: string
  readonly ignoreMap?: boolean
  readonly nothingBehind?: boolean
  readonly listed: string
}

/** `verify`. */
export function define(command: Command, session: Session): void {
  addClusterFlags(addArchiveFlags(command))
    .option('--topics <a,b,…>', 'only these source topics: names, globs or ~regex')
    .option('--topic-mapping <source=target>', 'how a topic was renamed, where no restore is known', collect)
    .option('-g, --groups <a,b,…>', 'positions of these groups only; else of every captured group')
    .option('--no-groups', 'no positions: the records only')
    .option('--restore-id <id>', 'the restore to verify; else the newest one to the target')
    .option('--state-folder <folder>', 'folder of the journal, when it does not lie beside the backup')
    .option('--ignore-map', 'find records by their content although there is a map')
    .option('--nothing-behind', 'records that follow the copy on the target are differences, too')
    .option('--listed <count>', 'differences that are listed; all are counted', '100')
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
Reads archive and target and compares every record: key, value, headers, timestamp, order. For each group and partition
it fetches the record at the position and proves that it is the one of the source. Differences are listed with both
sides; exit 5. Records that were written behind the copy since are counted, not compared.

Examples:
  kafka-backup verify -p /data/backups -b nightly --bootstrap-servers kafka-dr:9092
  kafka-backup verify -c restore.yaml --groups order-processor -o json`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const listed = countOf(flags.listed, '--listed')
  const { spec, backupId, config } = await archiveOf(flags, {
    needs: ['target'],
    overrides: overridesOf(flags),
  })
  const target = required(config.target, '--bootstrap-servers')
  const { verifyRestore } = await import('../../restore/index.ts')
  const reports = await import('../reports/verify-report.ts')
  const { restore } = config
  const report = await withJobContext(session, spec, (context) =>
    verifyRestore(
      {
        backupId,
        target,
        restoreId: flags.restoreId ?? restore?.restoreId,
        stateFolder: folderOf(flags.stateFolder) ?? restore?.stateFolder,
        include: restore?.include ?? [],
        exclude: restore?.exclude ?? [],
        topicRules: restore?.topicRules ?? [],
        groups: groupsOf(flags.groups),
        ignoreMap: flags.ignoreMap ?? false,
        nothingBehind: flags.nothingBehind ?? false,
        memory: restore?.memory ?? defaultMemory,
        listed,
      },
      context,
    ),
  )
  await session.print(format, reports.verifyObject(report), () => reports.verifyText(report))
  session.status = report.differences === 0 ? 0 : 5
}

function groupsOf(asked: Flags['groups']): VerifyJob['groups'] {
  if (asked === false) return { type: 'none' }
  return asked === undefined ? { type: 'all' } : { type: 'named', names: splitPatterns([asked], '--groups') }
}

const defaultMemory = 64 * 1024 * 1024

function overridesOf(flags: Flags): readonly Override[] {
  const mapping = flags.topicMapping ?? []
  return [
    ...clusterOverrides(flags),
    ...(flags.topics === undefined
      ? []
      : [{ path: ['target', 'topics', 'include'], value: flags.topics, flag: '--topics' }]),
    ...(mapping.length === 0
      ? []
      : [{ path: ['restore', 'topic_mapping'], value: mappingOf(mapping), flag: '--topic-mapping' }]),
  ]
}
