import type { BackupJob } from '../backup/index.ts'
import { TidemarkError } from '../base/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'
import type { RestoreJob } from '../restore/index.ts'
import type { StoreSpec } from '../storage/index.ts'
import { backupJob } from './backup-job.ts'
import { backupSchema } from './backup-schema.ts'
import { expandClientProperties } from './client-properties-override.ts'
import { clusterOptions } from './cluster-options.ts'
import { type ClusterSection, clusterSchema } from './cluster-schema.ts'
import { configText } from './config-text.ts'
import { type ExpandSources, processSources } from './expand.ts'
import { type ConfigNote, ignoredKeys } from './ignored-keys.ts'
import { type OffsetResetJob, offsetResetJob } from './offset-reset-job.ts'
import { applyOverrides, type Override, overriding } from './overrides.ts'
import { type ConfigProblem, commandLine, Problems, problemsError } from './problems.ts'
import { restoreJob } from './restore-job.ts'
import { restoreSchema } from './restore-schema.ts'
import { rootSchema } from './root-schema.ts'
import { reportIssues } from './schema-issues.ts'
import { offsetResetSchema } from './side-schemas.ts'
import { storageSchema } from './storage-schema.ts'
import { storeSpec } from './store-spec.ts'
import { readYaml } from './yaml-source.ts'

/** What a command cannot do without. */
export type Need = 'backup_id' | 'source' | 'target' | 'storage'

export interface LoadOptions {
  /** Undefined = everything comes from flags and the environment. */
  readonly file?: string | undefined
  readonly overrides?: readonly Override[]
  /** `by-mode`: what the commands of the file's mode need. */
  readonly needs?: readonly Need[] | 'by-mode'
  /** A file of the other mode is refused. */
  readonly mode?: 'backup' | 'restore'
  /** Whether the command sets positions without being told to by `reset_consumer_offsets`. */
  readonly setsPositions?: boolean
  /** Sections that the command leaves alone, and what heeds them: their keys are named in notes. */
  readonly leavesAlone?: Readonly<Record<string, string>>
  readonly sources?: ExpandSources
}

/** A configuration, checked: frozen options for the rooms. Jobs are there when all that they need is. */
export interface Config {
  readonly file: string | undefined
  readonly mode: 'backup' | 'restore' | undefined
  readonly backupId: string | undefined
  readonly storage: StoreSpec | undefined
  readonly source: ClusterOptions | undefined
  readonly target: ClusterOptions | undefined
  readonly backup: BackupJob | undefined
  readonly restore: RestoreJob | undefined
  readonly offsetReset: OffsetResetJob
  /** File to write the offset map to. */
  readonly offsetReport: string | undefined
  /** Ms that a stopped run may take to settle. */
  readonly shutdownGrace: number
  /** Keys that have no effect, and choices made for the user: to be shown, never silent. */
  readonly notes: readonly ConfigNote[]
}

export interface CheckedConfig {
  readonly config: Config
  readonly problems: readonly ConfigProblem[]
}

/** Reads and checks a configuration. Throws CONFIG_INVALID, CONFIG_UNKNOWN_KEY or FILE_NOT_READABLE, all problems in one. */
export function loadConfig(options: LoadOptions): Config {
  const { config, problems } = checkConfig(options)
  const [only, ...more] = problems
  if (options.file === undefined && more.length === 0 && only !== undefined && noCluster(only)) {
    throw new TidemarkError('CONFIG_INVALID', 'No cluster is named', {
      hint: `Give ${waysToName(only.key)}.`,
      details: { problems },
    })
  }
  const error = problemsError(problems, options.file ?? commandLine)
  if (error !== undefined) throw error
  return config
}

function noCluster({ key, message }: ConfigProblem): boolean {
  return (key === 'target' || key === 'source') && message === 'is missing'
}

/** The same without throwing for problems inside the file; FILE_NOT_READABLE is still thrown when there is no file to check. */
export function checkConfig(options: LoadOptions): CheckedConfig {
  const document = readDocument(options)
  const { problems, record, mode } = document
  const config = buildConfig(document, options)
  if (options.mode !== undefined && mode !== undefined && mode !== options.mode) {
    problems.add(['mode'], `is ${mode}, but the command needs a file for ${options.mode}`)
    return { config: deepFreeze(config), problems: problems.list }
  }
  for (const need of document.needs) {
    if (record[need] === undefined && config[need === 'backup_id' ? 'backupId' : need] === undefined) {
      const byFlag = options.file === undefined && (need === 'source' || need === 'target')
      problems.add([need], 'is missing', { hint: byFlag ? `give ${waysToName(need)}` : needHint[need] })
    }
  }
  return { config: deepFreeze(config), problems: problems.list }
}

interface ConfigDocument {
  readonly record: Readonly<Record<string, unknown>>
  readonly mode: 'backup' | 'restore' | undefined
  readonly needs: readonly Need[]
  readonly problems: Problems
  readonly notes: ConfigNote[]
  readonly sources: ExpandSources
  /** A section that is right by itself, even when others are not: so that what it means is checked in the same go. */
  readonly section: <Out>(
    name: string,
    schema: { parse(input: unknown): Out },
    missing?: unknown,
  ) => Out | undefined
}

/** Parses, expands, overrides, and checks against the schema. */
function readDocument(options: LoadOptions): ConfigDocument {
  const { sources = processSources, file } = options
  const { overrides, notes } = expandClientProperties(options.overrides ?? [])
  const yaml = readYaml(file === undefined ? '' : configText(file, 'configuration'), sources)
  const problems = new Problems((path) => {
    const flag = overriding(overrides, path)
    return flag === undefined ? yaml.locate(path) : { flag }
  })
  for (const problem of yaml.problems) problems.adopt(problem)
  const value = applyOverrides(yaml.value ?? {}, overrides)
  const record = asRecord(value)
  // Nothing more can be said of a file that is not YAML.
  const readable = yaml.value !== undefined || yaml.problems.length === 0
  const checked = rootSchema.safeParse(readable ? value : {})
  if (!checked.success) reportIssues(checked.error.issues, { problems, value, expanded: yaml.expanded })
  const needs =
    options.needs === 'by-mode' ? (readable ? needsOf(record, problems) : []) : (options.needs ?? [])
  return {
    record,
    mode: record.mode === 'backup' || record.mode === 'restore' ? record.mode : undefined,
    needs: readable ? needs : [],
    problems,
    notes: [...notes, ...ignoredKeys(rootSchema, value), ...leftAlone(record, options.leavesAlone ?? {})],
    sources,
    section: (name, schema, missing) => {
      const given = record[name] ?? missing
      return given === undefined || problems.touches([name]) ? undefined : schema.parse(given)
    },
  }
}

/** Builds what can be built; what does not fit together goes to the problems. */
function buildConfig(document: ConfigDocument, options: LoadOptions): Config {
  const { problems, notes, mode, record, section } = document
  const source = cluster(document, 'source')
  const target = cluster(document, 'target')
  const storage = section('storage', storageSchema)
  const backup = section('backup', backupSchema, {})
  const restore = section('restore', restoreSchema, {})
  const backupId = typeof record.backup_id === 'string' ? record.backup_id : undefined
  // A command that takes files of either mode uses what it needs of them.
  const isFor = (wanted: 'backup' | 'restore') =>
    mode === undefined || mode === wanted || options.mode === undefined
  return {
    file: options.file,
    mode,
    backupId,
    storage: storage && storeSpec(storage, problems),
    source: source?.options,
    target: target?.options,
    backup:
      source && backup && backupId !== undefined && isFor('backup')
        ? backupJob(backupId, source.options, source.topics, backup, problems)
        : undefined,
    restore:
      target && restore && backupId !== undefined && isFor('restore')
        ? restoreJob(backupId, target.options, target.topics, restore, {
            problems,
            notes,
            setsPositions: options.setsPositions ?? false,
          })
        : undefined,
    offsetReset: offsetResetJob(
      section('offset_reset', offsetResetSchema, {}) ?? offsetResetSchema.parse({}),
      problems,
    ),
    offsetReport: restore?.offset_report,
    shutdownGrace: (options.mode === 'restore' ? restore : backup)?.shutdown_grace_secs ?? 30_000,
    notes,
  }
}

/** A cluster section; when it is not in the file, the environment may still name the brokers. */
function cluster(document: ConfigDocument, name: 'source' | 'target') {
  const { problems, notes, sources } = document
  const fallback = document.needs.includes(name) && sources.env.KAFKA_BOOTSTRAP_SERVERS ? {} : undefined
  const read = document.section<ClusterSection>(name, clusterSchema, fallback)
  if (read === undefined) return undefined
  return { topics: read.topics, options: clusterOptions(read, { problems, sources, notes, path: [name] }) }
}

/** What the commands need that take a file of this mode; a file without a mode is for something else, or unfinished. */
function needsOf(document: Readonly<Record<string, unknown>>, problems: Problems): readonly Need[] {
  if (document.mode === 'backup') return ['backup_id', 'source', 'storage']
  if (document.mode === 'restore') return ['backup_id', 'target', 'storage']
  if (document.mode === undefined && document.offset_reset === undefined && document.checks === undefined) {
    problems.add(['mode'], 'is missing: expected "backup" or "restore"')
  }
  return []
}

/** How a command line without a file names the cluster that a section would be for. */
function waysToName(section: string): string {
  return `--bootstrap-servers HOST:PORT,…, the variable KAFKA_BOOTSTRAP_SERVERS, or -c FILE with a section \`${section}\``
}

const needHint: Readonly<Record<Need, string>> = {
  backup_id: 'the name of the backup',
  source: 'the cluster to read from, with bootstrap_servers',
  target: 'the cluster to write to, with bootstrap_servers',
  storage: 'where the archive lives, for example {backend: filesystem, path: /data/backups}',
}

function leftAlone(
  document: Readonly<Record<string, unknown>>,
  sections: Readonly<Record<string, string>>,
): readonly ConfigNote[] {
  return Object.entries(sections).flatMap(([section, heededBy]) =>
    Object.keys(asRecord(document[section])).map((key) => ({
      key: `${section}.${key}`,
      message: `is left alone here: ${heededBy} heeds it`,
    })),
  )
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
