import { type Command, Option } from 'commander'
import { clientPropertiesKey, type Override } from '../../config/index.ts'
import type { MissingPolicy, RangePolicy } from '../../offsets/index.ts'
import { type ArchiveFlags, addArchiveFlags } from './archive-flags.ts'
import { addClusterFlags, type ClusterFlags, clusterOverrides } from './cluster-flags.ts'
import { collect, mappingOf } from './restore-flags.ts'

export interface ResetFlags extends ArchiveFlags, ClusterFlags {
  /** `a,b` as in the command line, or a list. */
  readonly groups?: string | readonly string[]
  readonly strategy?: string
  readonly topics?: string
  readonly timestamp?: readonly string[]
  readonly duration?: string
  readonly offset?: readonly string[]
  readonly shift?: string
  readonly positionsFrom?: string
  readonly positionsFile?: readonly string[]
  readonly sourceBootstrapServers?: string
  readonly sourceCommandConfig?: string
  readonly mapFrom?: string
  readonly restoreId?: string
  readonly mappingFile?: string
  readonly sourceCluster?: string
  readonly topicMapping?: readonly string[]
  readonly stateFolder?: string
  readonly scanAllPartitions?: boolean
  readonly parallelConsumers?: string
  readonly sampleRate?: string
  readonly timeoutSecs?: string
  readonly missing?: MissingPolicy
  readonly outOfRange?: RangePolicy
  /** Of the commands that have it: where snapshots are looked for, and saved, beside those of the archive. */
  readonly snapshotPath?: string
}

/** Flags that say which positions a plan wants. */
export function addResetFlags(command: Command): Command {
  addArchiveFlags(command)
    .option('-g, --groups <a,b,…>', "consumer groups: names, globs or ~regex; '*' for all")
    .option(
      '--strategy <name>',
      'header-based (default), from-mapping, positions, timestamp, duration, earliest, latest, offset, shift',
    )
    .option(
      '--topics <a,b:0,…>',
      'partitions for a strategy that goes by the log; else where groups have positions',
    )
    .option('--timestamp <time>', 'ISO 8601 or epoch ms; for one place: orders=…, billing/orders=…', collect)
    .option('--duration <time>', 'so long before now: 90m, 1d12h, PT1H30M')
    .option('--offset <n>', 'an offset; for one place: orders:0=…, billing/orders:0=…', collect)
    .option('--shift <n>', 'so many offsets on from where groups are, or back: 100, -100')
    .option(
      '--positions-from <where>',
      'backup, source, file or target; else the backup if one is named, else the target, once',
    )
    .option(
      '--positions-file <file>',
      'snapshot, kmap file, or CSV of kafka-consumer-groups --export',
      collect,
    )
    .option('--source-bootstrap-servers <host:port,…>', 'the source, for --positions-from source')
    .option('--source-command-config <file>', 'client.properties for the source')
    .option('--topic-mapping <source=target>', 'a topic that has another name on the target', collect)
    .option('--source-cluster <name>', 'the source: checked against the backup, looked for in headers')
  return addMapFlags(addClusterFlags(command))
    .addOption(
      new Option(
        '--missing <where>',
        'merged partitions in which a group had no position: unread (default), or read',
      ).choices(['earliest', 'latest']),
    )
    .addOption(
      new Option(
        '--out-of-range <what>',
        'positions outside the log: refuse (default), move to its near end, leave alone',
      ).choices(['fail', 'clamp', 'skip']),
    )
}

/** Which map translates. */
function addMapFlags(command: Command): Command {
  return command
    .option('--map-from <what>', 'restore or headers; else the restore if a backup is named, else headers')
    .option('--restore-id <id>', 'the restore whose map is used; else the newest one to the cluster')
    .option('--mapping-file <file>', 'use this offset map (JSON) instead')
    .option('--state-folder <folder>', 'folder of the journal, when it does not lie beside the backup')
    .option('--scan-all-partitions', 'headers: records may lie in other partitions than at the source')
    .option('--parallel-consumers <n>', 'headers: partitions read at once (default: 10)')
    .option('--sample-rate <part>', 'headers: part of the log that is read, up to 1 (default)')
    .option('--timeout-secs <n>', 'headers: time for the whole scan (default: 3600)')
}

/** The flags as values of the configuration. */
export function resetOverrides(flags: ResetFlags): readonly Override[] {
  const at = (value: unknown, flag: string, ...path: readonly string[]): readonly Override[] =>
    value === undefined ? [] : [{ path, value, flag }]
  const given = (value: unknown, flag: string, key: string) => at(value, flag, 'offset_reset', key)
  return [
    ...clusterOverrides(flags),
    ...at(flags.sourceCommandConfig, '--source-command-config', 'source', clientPropertiesKey),
    ...at(flags.sourceBootstrapServers, '--source-bootstrap-servers', 'source', 'bootstrap_servers'),
    ...given(flags.groups, '--groups', 'groups'),
    ...given(flags.strategy, '--strategy', 'strategy'),
    ...given(flags.topics, '--topics', 'topics'),
    ...given(placeValues(flags.timestamp), '--timestamp', 'timestamp'),
    ...given(flags.duration, '--duration', 'duration'),
    ...given(placeValues(flags.offset), '--offset', 'offset'),
    ...given(flags.shift, '--shift', 'shift'),
    ...given(flags.positionsFrom, '--positions-from', 'positions_from'),
    ...given(flags.positionsFile, '--positions-file', 'positions_file'),
    ...given(mappingValues(flags.topicMapping), '--topic-mapping', 'topic_mapping'),
    ...given(flags.sourceCluster, '--source-cluster', 'source_cluster'),
    ...given(flags.mapFrom, '--map-from', 'map_from'),
    ...given(flags.mappingFile, '--mapping-file', 'mapping_file'),
    ...given(flags.scanAllPartitions, '--scan-all-partitions', 'scan_all_partitions'),
    ...given(flags.parallelConsumers, '--parallel-consumers', 'parallel_consumers'),
    ...given(flags.sampleRate, '--sample-rate', 'sample_rate'),
    ...given(flags.timeoutSecs, '--timeout-secs', 'timeout_secs'),
    ...given(flags.missing, '--missing', 'missing'),
    ...given(flags.outOfRange, '--out-of-range', 'out_of_range'),
  ]
}

/** `['a=b,c=d', '~x(.*)=y$1']`: names of topics hold no commas, expressions may. */
function mappingValues(pairs: readonly string[] | undefined): unknown {
  return pairs && mappingOf(pairs.flatMap((pair) => (pair.startsWith('~') ? [pair] : pair.split(','))))
}

/** `['5', 'orders:0=7']` → `{ '*': '5', 'orders:0': '7' }`; a single value stays one. */
function placeValues(values: readonly string[] | undefined): unknown {
  if (values === undefined) return undefined
  const [only, ...more] = values
  if (more.length === 0 && !only?.includes('=')) return only
  return Object.fromEntries(
    values.map((value) => {
      const at = value.lastIndexOf('=')
      return at < 0 ? ['*', value] : [value.slice(0, at), value.slice(at + 1)]
    }),
  )
}
