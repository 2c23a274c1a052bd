import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { kafkaJars } from '../../test/support/kafka-jars.ts'

/** A steady writer at one end of a replication and a reader of committed records at the other. */
export interface LatencyLoad {
  readonly source: { readonly bootstrap: string; readonly topic: string }
  /** The topic may still have to be made by the replication. */
  readonly target: { readonly bootstrap: string; readonly topic: string }
  readonly partitions: number
  readonly recordsPerSecond: number
  readonly recordBytes: number
  /** Seconds whose records are written and read, and not counted: both ends are Java, and the replication may just have begun. */
  readonly warmUp: number
  /** Seconds that are counted. */
  readonly seconds: number
}

/** How long records took, ms. */
export interface Spread {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly largest: number
}

export interface Latency {
  /** From `send` of Kafka's own producer at the source to `poll` of its consumer at the target. */
  readonly copied: Spread
  /** From `send` to the source's acknowledgement: what of it is not the replication's. */
  readonly acknowledged: Spread
  /** Records that were counted. */
  readonly records: number
  /** The largest of `copied` in each second. */
  readonly bySecond: readonly number[]
}

/** Seconds without a record after which something is wrong. */
const patience = 60

/** Writes and reads; rejects when a record does not come. The replication must be running already, or be started meanwhile. */
export async function measureLatency(load: LatencyLoad): Promise<Latency> {
  const jars = await kafkaJars('4.2.0')
  const program = new URL('./ReplicationLatency.java', import.meta.url).pathname
  const { source, target, partitions, recordsPerSecond, recordBytes, warmUp, seconds } = load
  const numbers = [partitions, recordsPerSecond, recordBytes, warmUp, seconds, patience].map(String)
  const { stdout } = await promisify(execFile)('java', [
    ...['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${jars}/*`, program],
    ...[source.bootstrap, source.topic, target.bootstrap, target.topic, ...numbers],
  ])
  const [copied, acknowledged, [records = 0, ...bySecond]] = cut(stdout.trim().split(' ').map(Number))
  return { copied, acknowledged, records, bySecond: bySecond.map(milliseconds) }
}

function cut(numbers: readonly number[]): [Spread, Spread, readonly number[]] {
  return [spread(numbers.slice(0, 4)), spread(numbers.slice(4, 8)), numbers.slice(8)]
}

function spread(microseconds: readonly number[]): Spread {
  const [p50 = Number.NaN, p99 = Number.NaN, p999 = Number.NaN, largest = Number.NaN] =
    microseconds.map(milliseconds)
  return { p50, p99, p999, largest }
}

function milliseconds(microseconds: number): number {
  return microseconds / 1000
}
