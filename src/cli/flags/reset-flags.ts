import { type Command, Option } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Config, Override } from '../../config/index.ts'
import type { MissingPolicy, RangePolicy } from '../../offsets/index.ts'
import type { ResetOptions } from '../reset-plan.ts'
import { type ArchiveFlags, addArchiveFlags } from './archive-flags.ts'
import { addClusterFlags, type ClusterFlags, clusterOverrides } from './cluster-flags.ts'
import { folderOf } from './folder.ts'

export interface ResetFlags extends ArchiveFlags, ClusterFlags {
  /** `a,b` as in the command line, or a list. */
  readonly groups?: string | readonly string[]
  readonly strategy?: string
  readonly restoreId?: string
  readonly mappingFile?: string
  readonly sourceCluster?: string
  readonly stateFolder?: string
  readonly missing: MissingPolicy
  readonly outOfRange: RangePolicy
}

/** Flags that say which positions a plan wants. */
export function addResetFlags(command: Command): Command {
  addArchiveFlags(command).option(
    '-g, --groups <a,b,…>',
    "consumer groups: names, globs or ~regex; '*' for all",
  )
  return addClusterFlags(command)
    .option('--restore-id <id>', 'the restore whose map is used; else the newest one to the cluster')
    .option('--strategy <name>', 'header-based or from-mapping: both translate by the map of the restore')
    .option('--mapping-file <file>', 'use this offset map (JSON) instead of the one kept with the restore')
    .option('--source-cluster <name>', 'refuse unless the backup is of this cluster (name or id)')
    .option('--state-folder <folder>', 'folder of the journal, when it does not lie beside the backup')
    .addOption(
      new Option('--missing <where>', 'merged partitions in which a group had no position')
        .choices(['earliest', 'latest'])
        .default('earliest'),
    )
    .addOption(
      new Option(
        '--out-of-range <what>',
        'positions outside the log: refuse, move to its near end, leave alone',
      )
        .choices(['fail', 'clamp', 'skip'])
        .default('fail'),
    )
}

/** The flags as values of the configuration. */
export function resetOverrides(flags: ResetFlags): readonly Override[] {
  const given = (value: unknown, flag: string, key: string): readonly Override[] =>
    value === undefined ? [] : [{ path: ['offset_reset', key], value, flag }]
  return [
    ...clusterOverrides(flags),
    ...given(flags.groups, '--groups', 'groups'),
    ...given(flags.strategy, '--strategy', 'strategy'),
    ...given(flags.mappingFile, '--mapping-file', 'mapping_file'),
    ...given(flags.sourceCluster, '--source-cluster', 'source_cluster'),
  ]
}

/** What a plan is made from, of flags and file. Throws USAGE for what is missing. */
export function resetOptions(flags: ResetFlags, backupId: string, config: Config): ResetOptions {
  const { offsetReset, restore } = config
  if (offsetReset.strategy !== 'captured') {
    throw new TidemarkError(
      'USAGE',
      `offset-reset sets the captured positions; the strategy ${offsetReset.strategy} needs no backup`,
      {
        hint: `Kafka's own kafka-consumer-groups.sh --reset-offsets does it, with ${kafkaFlag[offsetReset.strategy]}.`,
      },
    )
  }
  const names = offsetReset.groups ?? (restore?.groups.type === 'named' ? restore.groups.names : undefined)
  if (names === undefined && restore?.groups.type !== 'all') {
    throw new TidemarkError('USAGE', 'No consumer group is named', {
      hint: "Give --groups a,b, or --groups '*' for every captured group.",
    })
  }
  return {
    backupId,
    groups: names === undefined ? { type: 'all' } : { type: 'named', names },
    restoreId: flags.restoreId ?? restore?.restoreId,
    mappingFile: offsetReset.mapping_file,
    stateFolder: folderOf(flags.stateFolder) ?? restore?.stateFolder,
    sourceCluster: offsetReset.source_cluster,
    missing: flags.missing,
    outOfRange: flags.outOfRange,
  }
}

const kafkaFlag = {
  timestamp: '--to-datetime',
  earliest: '--to-earliest',
  latest: '--to-latest',
  offset: '--to-offset',
} as const
