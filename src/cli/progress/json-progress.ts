import { type Clock, systemClock } from '../../base/index.ts'
import type { Output } from '../output.ts'
import { Meter, type Reading } from './meter.ts'
import type { ShownProgress } from './terminal-progress.ts'

/** Ms between two lines. */
const interval = 1000

/** One JSON object a line, each second, at the beginning of a phase and at the end: for machines. */
export function jsonProgress(output: Output, clock: Clock = systemClock): ShownProgress {
  const meter = new Meter(clock)
  let timer: NodeJS.Timeout | undefined
  const print = () => output.line(JSON.stringify(progressObject(meter.read(), clock.now())))
  return {
    phase(name, totals = {}) {
      if (timer !== undefined) print()
      meter.begin(name, totals)
      print()
      timer ??= setInterval(print, interval).unref()
    },
    advance: (topic, partition, bytes, records) => meter.advance(topic, partition, bytes, records),
    done: (topic, partition) => meter.done(topic, partition),
    remaining: (topic, partition, records) => meter.remaining(topic, partition, records),
    groups: (count) => meter.groups(count),
    above: (write) => write(),
    stop() {
      if (timer === undefined) return
      clearInterval(timer)
      timer = undefined
      print()
    },
  }
}

/** The fields of a line, as `docs/cli.md` lists them. */
export function progressObject(reading: Reading, now: number): Readonly<Record<string, unknown>> {
  return {
    type: 'progress',
    time: new Date(now).toISOString(),
    phase: reading.phase,
    bytes: reading.bytes,
    records: reading.records,
    total_bytes: reading.totalBytes ?? null,
    total_records: reading.totalRecords ?? null,
    partitions: reading.partitions ?? null,
    partitions_done: reading.partitionsDone,
    groups: reading.groups ?? null,
    groups_done: reading.groupsDone,
    bytes_per_second: Math.round(reading.bytesPerSecond),
    records_per_second: Math.round(reading.recordsPerSecond),
    seconds_left: reading.secondsLeft === undefined ? null : Math.round(reading.secondsLeft),
    slowest: reading.slowest.map(({ topic, partition, recordsLeft }) => ({
      topic,
      partition,
      records_left: recordsLeft,
    })),
  }
}
