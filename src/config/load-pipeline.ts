import type { TidemarkError } from '../base/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'
import type { InternalTopicChoice, ReplicateJob, SyncJob } from '../replicate/index.ts'
import { configText } from './config-text.ts'
import { type ExpandSources, processSources } from './expand.ts'
import { type ConfigNote, ignoredKeys } from './ignored-keys.ts'
import { type JavaMeaning, javaProperties } from './java-properties.ts'
import { TuningReader } from './java-tuning.ts'
import { type OtlpChoice, otlpChoice } from './otlp-choice.ts'
import { merged, PipelineFiles, pipelineError } from './pipeline-files.ts'
import { internalTopic, type PipelineContext, replicateJob, syncJob } from './pipeline-job.ts'
import { type PipelineSection, pipelineJsonSchema, pipelineSchema } from './pipeline-schema.ts'
import type { ConfigProblem } from './problems.ts'
import { reportIssues } from './schema-issues.ts'

/** Which of the programs asks: each ignores what concerns the other alone. */
export type PipelineProgram = 'replicate' | 'sync-offsets'

export interface PipelineOptions {
  /** In order; what a later one says goes over what an earlier one said. */
  readonly files: readonly string[]
  readonly program: PipelineProgram
  /** `host:port` to listen on, over the file. */
  readonly listen?: string | undefined
  /** Alias of the source for MirrorMaker 2's checkpoints, over the file. */
  readonly mm2Alias?: string | undefined
  /** It is to run and to tell of itself, so that OpenTelemetry's variables count. @default true */
  readonly serves?: boolean
  readonly sources?: ExpandSources
}

/** What a program tells of itself, and where. */
export interface MetricsChoice {
  readonly prefixes: Readonly<
    Record<'app' | 'source-consumer' | 'target-consumer' | 'target-producer', string>
  >
  /** Where metrics and health are served; undefined = nowhere. */
  readonly listen: { readonly host: string; readonly port: number } | undefined
  /** The topic on the target to which metrics are written every `interval` ms. */
  readonly topic: (InternalTopicChoice & { readonly interval: number }) | undefined
  /** The collector to which they are pushed; undefined = none. */
  readonly otlp: OtlpChoice | undefined
}

/** A pipeline, checked: frozen options for the rooms. */
export interface Pipeline {
  readonly name: string
  readonly source: ClusterOptions
  readonly target: ClusterOptions
  /** The files say what is copied. */
  readonly copies: boolean
  /** Only for `replicate`. */
  readonly replicate: ReplicateJob | undefined
  /** Only for `sync-offsets`. */
  readonly sync: SyncJob | undefined
  readonly metrics: MetricsChoice
  /** What of a record the copy keeps, for comparing the two. */
  readonly keeps: { readonly times: boolean; readonly headers: boolean }
  /** Keys that have no effect, and choices made for the user. */
  readonly notes: readonly ConfigNote[]
}

/** A pipeline, or what is wrong with its files. */
export type CheckedPipeline =
  | { readonly pipeline: Pipeline; readonly problems: readonly []; readonly error: undefined }
  | {
      readonly pipeline: undefined
      readonly problems: readonly (ConfigProblem & { readonly file: string })[]
      readonly error: TidemarkError
    }

/** Reads and checks pipeline files. Throws CONFIG_INVALID, CONFIG_UNKNOWN_KEY or FILE_NOT_READABLE, all problems in one. */
export function loadPipeline(options: PipelineOptions): Pipeline {
  const checked = checkPipeline(options)
  if (checked.pipeline === undefined) throw checked.error
  return checked.pipeline
}

/** The same without throwing for what is wrong inside the files. */
export function checkPipeline(options: PipelineOptions): CheckedPipeline {
  const { sources = processSources } = options
  const files = new PipelineFiles(
    options.files.map((file) => ({ file, text: configText(file, 'pipeline') })),
    sources,
  )
  const value = merged(files.values)
  const { problems } = files
  const checked = pipelineSchema.safeParse(value)
  if (!checked.success && files.readable) {
    const schema = pipelineJsonSchema()
    reportIssues(checked.error.issues, { problems, value, expanded: files.expanded, schema })
  }
  const notes: ConfigNote[] = [...ignoredKeys(pipelineSchema, value)]
  const built = checked.success ? build(checked.data, options, { problems, notes, sources }) : undefined
  if (built === undefined || problems.list.length > 0) {
    const placed = files.placed(problems.list)
    return { pipeline: undefined, problems: placed, error: pipelineError(placed) }
  }
  return { pipeline: deepFreeze(built), problems: [], error: undefined }
}

/** Checks files for all that they are for: the sync of groups, and the copy when they say what is copied. */
export function checkPipelineFiles(files: readonly string[]): CheckedPipeline {
  const sync = checkPipeline({ files, program: 'sync-offsets' })
  if (sync.pipeline === undefined || !sync.pipeline.copies) return sync
  return checkPipeline({ files, program: 'replicate' })
}

function build(
  section: PipelineSection,
  options: PipelineOptions,
  base: Pick<PipelineContext, 'problems' | 'notes'> & { readonly sources: ExpandSources },
): Pipeline {
  const { problems, notes } = base
  for (const side of ['source', 'target'] as const) {
    if (section[side] === undefined)
      problems.add([side], `is missing: the cluster to copy ${side === 'source' ? 'from' : 'to'}`)
  }
  const from = section.source?.kafka
  const to = section.target?.kafka
  const source = javaProperties(
    'source',
    [
      ['common', from?.common],
      ['consumer', from?.consumer],
      ['admin', from?.admin],
    ],
    base,
  )
  const target = javaProperties(
    'target',
    [
      ['common', to?.common],
      ['producer', to?.producer],
      ['consumer', to?.consumer],
      ['admin', to?.admin],
    ],
    base,
  )
  const context: PipelineContext = { problems, notes, source, target, mm2Alias: options.mm2Alias }
  checkFixed(context, section)
  const replicate = options.program === 'replicate' ? replicateJob(section, context) : undefined
  const sync = options.program === 'sync-offsets' ? syncJob(section, context) : undefined
  if (sync !== undefined) ignoreTuning(source, target)
  if (replicate !== undefined && !section.features.validateControlTopicSettings) {
    const message =
      'has no effect on the copy: it never works with a control topic that would lose its positions'
    notes.push({ key: 'features.validateControlTopicSettings', message })
  }
  source.noteRest()
  target.noteRest()
  return {
    name: section.name,
    source: source.options,
    target: target.options,
    copies: section.replication !== undefined,
    replicate,
    sync,
    metrics: metricsChoice(section, options, base),
    keeps: {
      times: section.features.keepRecordCreationTimestamp,
      headers: section.features.headerReplication,
    },
    notes,
  }
}

/** What the copy rests on cannot be configured away. */
function checkFixed(context: PipelineContext, section: PipelineSection): void {
  const tuning = new TuningReader(context)
  const why = section.features.exactlyOnce ? 'exactlyOnce is enabled' : 'what is aborted is never copied'
  tuning.only('source', 'isolation.level', 'read_committed', why)
}

/** Properties that concern the copy alone are no matter of the sync. */
function ignoreTuning(source: JavaMeaning, target: JavaMeaning): void {
  for (const key of ['auto.offset.reset', 'fetch.max.bytes']) source.take(key)
  target.take('transaction.timeout.ms')
}

function metricsChoice(
  section: PipelineSection,
  options: PipelineOptions,
  {
    problems,
    notes,
    sources,
  }: Pick<PipelineContext, 'problems' | 'notes'> & { readonly sources: ExpandSources },
): MetricsChoice {
  const { prefix, kafka, otlp, server } = section.metrics
  const address = options.listen ?? server?.address
  const path = ['metrics', 'server', 'address']
  return {
    prefixes: {
      app: options.program === 'replicate' ? prefix.replicator : prefix.offsetMappingApp,
      'source-consumer': prefix.sourceConsumer,
      'target-consumer': prefix.targetConsumer,
      'target-producer': prefix.targetProducer,
    },
    listen: address === undefined ? undefined : listenAddress(address, path, problems),
    topic: kafka && { ...internalTopic(section, kafka.topic, 'metrics'), interval: kafka.interval },
    otlp: otlpChoice(otlp, options.serves === false ? undefined : sources.env, problems, notes),
  }
}

function listenAddress(text: string, path: readonly string[], problems: PipelineContext['problems']) {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]*)):(\d{1,5})$/.exec(text) ?? []
  if (port !== undefined && Number(port) <= 65_535) {
    return { host: bracketed ?? (plain || '0.0.0.0'), port: Number(port) }
  }
  problems.add(path, `expected host:port, got ${JSON.stringify(text)}`)
  return undefined
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
