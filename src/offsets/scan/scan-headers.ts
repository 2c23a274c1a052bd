import { isTidemarkError, noProgress, systemClock, TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { MapSet } from '../map/map-set.ts'
import { PartitionScan } from './partition-scan.ts'
import { readSample } from './read-sample.ts'
import { type ReadOptions, readWhole } from './read-whole.ts'
import { missingHeaders, topicNotices } from './scan-notices.ts'
import { type PartitionPlan, planScan } from './scan-plan.ts'
import { addCounts, mapsOf, noCounts } from './scan-result.ts'
import type { HeaderScan, ScanNotice, ScannedTopic, ScanOptions } from './scan-types.ts'

const HOUR = 3_600_000
/** The longest time that a timer takes. */
const LONGEST = 0x7fff_ffff

/**
 * Builds the offset map of live topics from the headers of their records. Changes nothing.
 *
 * Rejects with TOPIC_NOT_FOUND, AUTHORIZATION_FAILED, HEADERS_NOT_FOUND (a topic holds no record of the source cluster: nothing read is
 * not a map), SCAN_NEEDS_ALL_PARTITIONS, SCAN_TIMEOUT, RECORD_CORRUPT, TARGET_CHANGED, CONFIG_INVALID, or with the signal's reason.
 */
export async function scanHeaders(cluster: Cluster, options: ScanOptions): Promise<HeaderScan> {
  checkOptions(options)
  const timeout = options.timeoutMs ?? HOUR
  const late = new AbortController()
  const signals = options.signal ? [options.signal, late.signal] : [late.signal]
  const scan = new Scan(cluster, options, AbortSignal.any(signals))
  const timer = setTimeout(() => late.abort(scan.timedOut(timeout)), Math.min(timeout, LONGEST))
  try {
    return await scan.run()
  } catch (error) {
    // What was cut off by the end of the time may say so in its own words.
    if (late.signal.aborted && !options.signal?.aborted && !isTidemarkError(error, 'SCAN_TIMEOUT')) {
      throw late.signal.reason
    }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

class Scan {
  readonly #cluster: Cluster
  readonly #options: ScanOptions
  readonly #signal: AbortSignal
  #partitions = 0
  #done = 0

  constructor(cluster: Cluster, options: ScanOptions, signal: AbortSignal) {
    this.#cluster = cluster
    this.#options = options
    this.#signal = signal
  }

  async run(): Promise<HeaderScan> {
    const plans = await planScan(this.#cluster, this.#options, this.#signal)
    const scans = await this.#read(plans)
    const scansOf = Map.groupBy(scans, ({ task }) => task.topic)
    const plansOf = Map.groupBy(plans, ({ task }) => task.topic)
    const notices: ScanNotice[] = []
    const topics = this.#options.topics.map((asked): ScannedTopic => {
      const of = scansOf.get(asked.target) ?? []
      const counts = of.map((scan) => scan.counts).reduce(addCounts, noCounts)
      const otherClusters = [...new Set(of.flatMap((scan) => [...scan.otherClusters]))].slice(0, 10)
      const topic = { source: asked.source ?? asked.target, target: asked.target, counts, otherClusters }
      if (counts.mapped === 0) {
        const missing = missingHeaders(topic, this.#options.sourceCluster)
        if (!asked.optional) throw missing
        notices.push({ code: 'topic-left-out', topic: asked.target, message: missing.message })
      } else notices.push(...topicNotices(topic, of, plansOf.get(asked.target) ?? []))
      return topic
    })
    if (topics.every(({ counts }) => counts.mapped === 0)) throw nothingFound(topics, this.#options)
    const found = new Set(topics.flatMap(({ target, counts }) => (counts.mapped > 0 ? [target] : [])))
    const maps = mapsOf(scans.filter(({ task }) => found.has(task.topic)))
    const { sourceCluster, now } = this.#options
    const origin = {
      sourceCluster,
      targetClusterId: this.#cluster.clusterId,
      created: now ?? systemClock.now(),
      targetTopicIds: new Map(
        plans.flatMap(({ task: { topic, topicId } }) =>
          topicId !== undefined && found.has(topic) ? [[topic, topicId] as const] : [],
        ),
      ),
    }
    return { maps: new MapSet(origin, maps), topics, notices }
  }

  /** For the error when the time is over. */
  timedOut(timeout: number): TidemarkError {
    return new TidemarkError(
      'SCAN_TIMEOUT',
      `The header scan did not end within ${timeout / 1000} s: ${this.#done} of ${this.#partitions} partitions were read`,
      { hint: 'Give it more time (--timeout-secs, timeout_secs), or choose fewer topics.' },
    )
  }

  async #read(plans: readonly PartitionPlan[]): Promise<readonly PartitionScan[]> {
    const { sampleRate = 1, progress = noProgress, parallel = 10, memory } = this.#options
    const scans = plans.map(({ task }) => new PartitionScan(task))
    const full = scans.filter(({ task }) => task.start < task.stop)
    const records = full.reduce((sum, { task }) => sum + Number(task.stop - task.start), 0)
    progress.phase('scan', { records: Math.round(records * sampleRate), partitions: full.length })
    this.#partitions = full.length
    const options: ReadOptions = {
      parallel,
      memory,
      signal: this.#signal,
      advanced: ({ task: { topic, partition, stop } }, bytes, count, next) => {
        progress.advance(topic, partition, bytes, count)
        progress.remaining(topic, partition, Math.max(0, Number(stop - next)))
      },
      ended: ({ task: { topic, partition } }) => {
        this.#done++
        progress.done(topic, partition)
      },
    }
    if (sampleRate === 1) {
      await readWhole(this.#cluster, full, options)
      return scans
    }
    const sampled = await readSample(this.#cluster, full, sampleRate, options)
    const read = new Map(full.map((scan, i) => [scan, sampled[i] ?? new PartitionScan(scan.task)]))
    await readWhole(
      this.#cluster,
      full.flatMap((scan, i) => (sampled[i] === undefined ? (read.get(scan) ?? []) : [])),
      options,
    )
    return scans.map((scan) => read.get(scan) ?? scan)
  }
}

function checkOptions({
  sampleRate = 1,
  parallel = 10,
  scanAllPartitions,
  timeoutMs = HOUR,
}: ScanOptions): void {
  if (!(sampleRate > 0 && sampleRate <= 1)) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      `sample_rate is ${sampleRate}; it must be above 0 and at most 1`,
    )
  }
  if (!(Number.isSafeInteger(parallel) && parallel > 0)) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      `parallel_consumers is ${parallel}; it must be a whole number from 1 on`,
    )
  }
  if (!(timeoutMs > 0)) {
    throw new TidemarkError('CONFIG_INVALID', `timeout_secs is ${timeoutMs / 1000}; it must be above 0`)
  }
  if (sampleRate < 1 && scanAllPartitions) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      'A sample of records that found new partitions says nothing of where the others are: scan_all_partitions needs a sample_rate of 1',
      { hint: 'Leave one of the two out.' },
    )
  }
}

function nothingFound(topics: readonly ScannedTopic[], { sourceCluster }: ScanOptions): TidemarkError {
  const others = [...new Set(topics.flatMap(({ otherClusters }) => otherClusters))].slice(0, 10)
  return new TidemarkError(
    'HEADERS_NOT_FOUND',
    `None of the ${topics.length} topics holds records whose headers name the source cluster ${JSON.stringify(sourceCluster)}`,
    {
      hint:
        others.length > 0
          ? `Their headers name ${others.map((name) => JSON.stringify(name)).join(', ')}: check --source-cluster.`
          : 'Restore with include_original_offset_header: true; or use the map that is kept with the restore.',
    },
  )
}
