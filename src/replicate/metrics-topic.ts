import { type Clock, isTidemarkError, type Telemetry } from '../base/index.ts'
import { type ClusterOptions, connectCluster } from '../kafka/index.ts'
import type { InternalTopicChoice } from './job.ts'
import { ensureTopic } from './sync/control-topics.ts'
import { RecordWriter } from './sync/record-writer.ts'

/** One number with its name and labels. */
export interface PublishedMetric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricsTopicOptions {
  readonly pipeline: string
  readonly target: ClusterOptions
  readonly topic: InternalTopicChoice
  /** Ms between two times that all of them are written. */
  readonly interval: number
  readonly samples: () => readonly PublishedMetric[]
}

export interface MetricsTopicContext {
  readonly signal: AbortSignal
  readonly telemetry: Telemetry
  readonly clock: Clock
}

/** Metrics that are written to a topic until disposed; then once more. */
export interface MetricsTopic extends AsyncDisposable {}

/**
 * Writes all metrics to a topic, again and again: a JSON record for each, its key made of pipeline, name and labels. Rejects with
 * TOPIC_NOT_FOUND or CONFIG_INVALID before anything runs; from then on what fails is logged, and tried again the next time.
 */
export async function startMetricsTopic(
  options: MetricsTopicOptions,
  context: MetricsTopicContext,
): Promise<MetricsTopic> {
  const { signal, telemetry, clock } = context
  const cluster = await connectCluster(options.target, { telemetry })
  try {
    await ensureTopic(cluster, options.topic, { signal, clock })
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
  const writer = new RecordWriter(cluster, options.topic.name)
  const ending = new AbortController()
  const write = async () => {
    try {
      await writer.write(options.samples().map((sample) => recordOf(sample, options.pipeline, clock.now())))
    } catch (error) {
      const code = isTidemarkError(error) ? error.code : 'INTERNAL'
      const text = error instanceof Error ? error.message : String(error)
      telemetry.log('warn', `Metrics could not be written to ${options.topic.name}: ${text}`, { code })
    }
  }
  const running = (async () => {
    while (!ending.signal.aborted) {
      await clock.sleep(options.interval, ending.signal).catch(() => {})
      await write()
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await running
      await writer[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

function recordOf({ name, kind, labels, value }: PublishedMetric, pipeline: string, time: number) {
  return {
    key: Buffer.from(JSON.stringify({ pipeline, name, labels })),
    value: Buffer.from(JSON.stringify({ version: 1, time, pipeline, name, kind, labels, value })),
  }
}
