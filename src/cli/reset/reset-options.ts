import { TidemarkError } from '../../base/index.ts'
import type { Config } from '../../config/index.ts'
import type { ClusterOptions } from '../../kafka/index.ts'
import type {
  GroupSelection,
  MissingPolicy,
  PlaceValues,
  RangePolicy,
  StrategyName,
} from '../../offsets/index.ts'
import type { TopicRule } from '../../restore/index.ts'
import { folderOf } from '../flags/folder.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'

/** Where positions are read. */
export type PositionsFrom = 'backup' | 'source' | 'file' | 'target'

/** What a plan is made from. */
export interface ResetOptions {
  readonly strategy: StrategyName
  readonly groups: GroupSelection
  /** Partitions of the target for strategies that go by the log; undefined = where groups have positions. */
  readonly topics: readonly string[] | undefined
  readonly positionsFrom: PositionsFrom
  readonly positionsFiles: readonly string[]
  /** Undefined unless positions are read there. */
  readonly source: ClusterOptions | undefined
  readonly topicRules: readonly TopicRule[]
  readonly map: MapOptions
  readonly timestamp: PlaceValues<bigint> | undefined
  /** Ms. */
  readonly duration: number | undefined
  readonly offset: PlaceValues<bigint> | undefined
  readonly shift: bigint | undefined
  readonly missing: MissingPolicy
  readonly outOfRange: RangePolicy
}

export interface MapOptions {
  readonly from: 'restore' | 'headers' | 'file' | 'topic'
  /** Undefined = the newest restore to the cluster. */
  readonly restoreId: string | undefined
  readonly file: string | undefined
  /** Topic of the target in which a replication publishes its map. */
  readonly topic: string | undefined
  readonly stateFolder: string | undefined
  /** Name or id of the source. */
  readonly sourceCluster: string | undefined
  readonly scanAllPartitions: boolean
  readonly parallel: number
  readonly sampleRate: number
  readonly timeoutMs: number
}

const translating: readonly StrategyName[] = ['header-based', 'from-mapping']

/** Whether a strategy goes by a map. */
export function isTranslating(strategy: StrategyName): boolean {
  return translating.includes(strategy)
}

/** Whether a strategy goes by given positions; the others go by the log of the target. */
export function isGiven(strategy: StrategyName): boolean {
  return isTranslating(strategy) || strategy === 'positions'
}

/** What a plan is made from, of flags and file. Throws USAGE for what is missing or makes no sense. */
export function resetOptions(flags: ResetFlags, config: Config, hasBackup: boolean): ResetOptions {
  const { offsetReset: section, restore } = config
  const { strategy } = section
  const files = section.positions_file ?? []
  const positionsFrom =
    section.positions_from ??
    (files.length > 0 ? 'file' : hasBackup && isGiven(strategy) ? 'backup' : 'target')
  checkPositions(strategy, positionsFrom, files, hasBackup, config)
  const named =
    section.mapping_topic !== undefined ? 'topic' : section.mapping_file !== undefined ? 'file' : undefined
  const given = named ?? section.map_from
  const from = given ?? (hasBackup ? 'restore' : 'headers')
  if (isTranslating(strategy)) checkMap(strategy, from, hasBackup, section.source_cluster)
  checkValues(strategy, flags, section, positionsFrom)
  const names = section.groups ?? (restore?.groups.type === 'named' ? restore.groups.names : undefined)
  if (names?.length === 0 || (names === undefined && restore?.groups.type !== 'all')) {
    throw usage(
      'No consumer group is named',
      "Give --groups a,b, or --groups '*' for every one with positions.",
    )
  }
  return {
    strategy,
    groups: names === undefined ? { type: 'all' } : { type: 'named', names },
    topics: section.topics,
    positionsFrom,
    positionsFiles: files,
    source: positionsFrom === 'source' ? config.source : undefined,
    topicRules: section.topicRules ?? restore?.topicRules ?? [],
    map: {
      from,
      restoreId: flags.restoreId ?? restore?.restoreId,
      file: section.mapping_file,
      topic: section.mapping_topic,
      stateFolder: folderOf(flags.stateFolder) ?? restore?.stateFolder,
      sourceCluster: section.source_cluster,
      scanAllPartitions: section.scan_all_partitions,
      parallel: section.parallel_consumers,
      sampleRate: section.sample_rate,
      timeoutMs: section.timeout_secs,
    },
    timestamp: section.timestamp,
    duration: section.duration,
    offset: section.offset,
    shift: section.shift,
    missing: section.missing ?? 'earliest',
    outOfRange: section.out_of_range ?? 'fail',
  }
}

function checkPositions(
  strategy: StrategyName,
  from: PositionsFrom,
  files: readonly string[],
  hasBackup: boolean,
  config: Config,
): void {
  if (from === 'backup' && !hasBackup) {
    throw usage(
      'No backup is named',
      'Give --path FOLDER and --backup-id ID, or -c FILE with storage and backup_id.',
    )
  }
  if (from === 'file' && files.length === 0) {
    throw usage('No file of positions is named', 'Give --positions-file FILE.')
  }
  if (from !== 'file' && files.length > 0) {
    throw usage(
      `--positions-file is given, but positions are read from the ${from}`,
      'Leave one of the two out.',
    )
  }
  if (from === 'source' && config.source === undefined) {
    throw usage(
      'No source cluster is named',
      'Give --source-bootstrap-servers HOST:PORT, or -c FILE with source.',
    )
  }
  if (strategy === 'positions' && from === 'target') {
    throw usage(
      'The strategy positions sets given positions as they are, and the target has its own already',
      'Give --positions-from backup, source or file.',
    )
  }
  if (strategy === 'shift' && from !== 'target') {
    throw usage(
      'The strategy shift goes from where groups are on the target',
      'Leave --positions-from and --positions-file out; --topics says where.',
    )
  }
}

function checkMap(
  strategy: StrategyName,
  from: MapOptions['from'],
  hasBackup: boolean,
  sourceCluster: string | undefined,
): void {
  if (from === 'restore' && !hasBackup) {
    throw usage(
      'No backup is named whose restore has a map',
      'Give --path and --backup-id, or --map-from headers.',
    )
  }
  if (from === 'headers' && strategy === 'from-mapping') {
    throw usage(
      'The strategy from-mapping needs a map',
      'Give --mapping-file FILE or --mapping-topic TOPIC, or --path and --backup-id.',
    )
  }
  if (from === 'headers' && sourceCluster === undefined && !hasBackup) {
    throw usage(
      'No source cluster is named, by which the headers of its records are known',
      'Give --source-cluster NAME as in the header x-kafka-backup-cluster, or name the backup with --path and --backup-id.',
    )
  }
}

/** The values that strategies need, and those that belong to another one. */
function checkValues(
  strategy: StrategyName,
  flags: ResetFlags,
  section: Config['offsetReset'],
  from: PositionsFrom,
): void {
  for (const name of ['timestamp', 'duration', 'offset', 'shift'] as const) {
    // A file may hold values for several strategies; a flag is meant.
    if (flags[name] !== undefined && name !== strategy) {
      throw usage(
        `--${name} is given, but the strategy is ${strategy}`,
        `Give --strategy ${name}, or leave --${name} out.`,
      )
    }
    // A file may hold the time of the record at each position.
    if (section[name] === undefined && name === strategy && !(name === 'timestamp' && from === 'file')) {
      throw usage(`The strategy ${name} needs --${name}`, 'Add --help to the command to see its form.')
    }
  }
  if (section.topics !== undefined && isGiven(strategy)) {
    throw usage(
      `--topics is given, but the strategy ${strategy} goes where the positions are`,
      'Leave it out, or choose a strategy that goes by the log.',
    )
  }
  if (section.topics !== undefined && from !== 'target') {
    throw usage('--topics and --positions-from both say which partitions', 'Leave one of the two out.')
  }
}

function usage(message: string, hint: string): TidemarkError {
  return new TidemarkError('USAGE', message, { hint })
}
