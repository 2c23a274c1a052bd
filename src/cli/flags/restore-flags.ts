import { type Command, Option } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Override } from '../../config/index.ts'
import { addClusterFlags, type ClusterFlags } from './cluster-flags.ts'

export interface RestoreFlags extends ClusterFlags {
  readonly config?: string
  readonly backupId?: string
  readonly restoreId?: string
  readonly dryRun?: boolean
  readonly append?: boolean
  readonly topics?: string
  readonly groups?: string
  readonly topicMapping?: readonly string[]
  readonly timeWindowStart?: string
  readonly timeWindowEnd?: string
  readonly applyRetention?: string
  readonly mappingOutput?: string
}

/** Flags of the commands that restore: the file says what, flags change it for one run. */
export function addRestoreFlags(command: Command): Command {
  command
    .option('-c, --config <file>', 'YAML file: target, storage, backup_id, restore')
    .option('-b, --backup-id <id>', 'name of the backup, over the file')
    .option('--restore-id <id>', 'name of the restore; else derived, so that the same command goes on')
    .option('--dry-run', 'plan and check, change nothing')
    .option('--topics <a,b,…>', 'only these source topics: names, globs or ~regex')
    .option('-g, --groups <a,b,…>', 'set the positions of these groups: names, globs or ~regex')
    .option('--topic-mapping <source=target>', 'rename a topic; may be given several times', collect)
    .option('--time-window-start <time>', 'first moment, inclusive: ISO 8601 or epoch milliseconds')
    .option('--time-window-end <time>', 'last moment, inclusive')
    .option('--append', 'allow target topics that are not empty')
    .addOption(
      new Option('--apply-retention <when>', 'settings that would delete what was restored').choices([
        'wait',
        'now',
      ]),
    )
  return addClusterFlags(command)
}

/** `--generate-offset-mapping` and `--mapping-output`. */
export function addMappingFlags(command: Command): Command {
  return command
    .option('--generate-offset-mapping', 'write the offset map to --mapping-output when the restore is done')
    .option('--mapping-output <file>', 'file for the offset map (JSON, or CSV when it ends in .csv)')
}

/** The flags as values of the configuration. */
export function restoreOverrides(flags: RestoreFlags): readonly Override[] {
  const given = (value: unknown, flag: string, ...path: readonly string[]): readonly Override[] =>
    value === undefined ? [] : [{ path, value, flag }]
  const mapping = flags.topicMapping ?? []
  return [
    ...given(flags.backupId, '--backup-id', 'backup_id'),
    ...given(flags.restoreId, '--restore-id', 'restore', 'restore_id'),
    ...given(flags.dryRun, '--dry-run', 'restore', 'dry_run'),
    ...given(flags.append, '--append', 'restore', 'append'),
    ...given(flags.topics, '--topics', 'target', 'topics', 'include'),
    ...given(flags.groups, '--groups', 'restore', 'consumer_groups'),
    ...given(flags.groups && true, '--groups', 'restore', 'reset_consumer_offsets'),
    ...given(flags.groups && false, '--groups', 'restore', 'auto_consumer_groups'),
    ...given(flags.groups && 'header-based', '--groups', 'restore', 'consumer_group_strategy'),
    ...given(flags.timeWindowStart, '--time-window-start', 'restore', 'time_window_start'),
    ...given(flags.timeWindowEnd, '--time-window-end', 'restore', 'time_window_end'),
    ...given(flags.applyRetention, '--apply-retention', 'restore', 'apply_retention'),
    ...given(
      mapping.length === 0 ? undefined : mappingOf(mapping),
      '--topic-mapping',
      'restore',
      'topic_mapping',
    ),
  ]
}

/** For flags that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

/** `['a=b']` → `{ a: 'b' }`. Throws USAGE for what has no `=`, or nothing on one of its sides. */
export function mappingOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.lastIndexOf('=')
      if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)]
      throw new TidemarkError('USAGE', `--topic-mapping needs SOURCE=TARGET, got ${JSON.stringify(pair)}`)
    }),
  )
}
