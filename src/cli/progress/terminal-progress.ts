import { type Clock, type Progress, systemClock } from '../../base/index.ts'
import type { Output } from '../output.ts'
import { bytesText, countText, durationText } from '../render/quantities.ts'
import { Meter, type Reading } from './meter.ts'

/** Progress that somebody watches or reads; stopped before the last output of a command. */
export interface ShownProgress extends Progress {
  /** Takes the picture off the screen while `write` prints lines of its own. */
  above(write: () => void): void
  stop(): void
}

/** Ms between two pictures. */
const interval = 200

/** A few lines on a terminal, redrawn in place: the job as a whole, then the partitions with the most left. */
export function terminalProgress(output: Output, clock: Clock = systemClock): ShownProgress {
  const meter = new Meter(clock)
  let lines = 0
  let timer: NodeJS.Timeout | undefined
  const erase = () => {
    if (lines > 0) output.write(`\r\u001b[${lines}A\u001b[J`)
    lines = 0
  }
  const draw = () => {
    const width = columns(output) - 1
    const picture = progressLines(meter.read(), width)
    const up = lines > 0 ? `\r\u001b[${lines}A` : ''
    output.write(`${up}${picture.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`)
    lines = picture.length
  }
  return {
    phase(name, totals = {}) {
      meter.begin(name, totals)
      timer ??= setInterval(draw, interval).unref()
    },
    advance: (topic, partition, bytes, records) => meter.advance(topic, partition, bytes, records),
    done: (topic, partition) => meter.done(topic, partition),
    remaining: (topic, partition, records) => meter.remaining(topic, partition, records),
    groups: (count) => meter.groups(count),
    above(write) {
      erase()
      write()
    },
    stop() {
      if (timer !== undefined) clearInterval(timer)
      timer = undefined
      erase()
    },
  }
}

/** The picture of a reading, a line each. What does not fit is left out, the least important first. */
export function progressLines(reading: Reading, width: number): readonly string[] {
  if (reading.groups !== undefined) {
    return [`${reading.phase}:  ${countText(reading.groupsDone)} of ${countText(reading.groups)} groups`]
  }
  const parts = [amount(reading), `${bytesText(reading.bytesPerSecond)}/s`]
  if (reading.secondsLeft !== undefined) parts.push(`${durationText(reading.secondsLeft * 1000)} left`)
  parts.push(`${countText(Math.round(reading.recordsPerSecond))} records/s`)
  if (reading.partitions !== undefined) {
    parts.push(`${countText(reading.partitionsDone)} of ${countText(reading.partitions)} partitions`)
  }
  let line = `${reading.phase}:`
  for (const part of parts) {
    if (line.length + 2 + part.length > width) break
    line += `  ${part}`
  }
  const slowest = reading.slowest.map(
    ({ topic, partition, recordsLeft }) => `  ${topic}/${partition}: ${countText(recordsLeft)} records left`,
  )
  return [line, ...slowest].map((text) => text.slice(0, width))
}

function amount(reading: Reading): string {
  const { bytes, totalBytes, records, totalRecords } = reading
  const share = (done: number, total: number) =>
    total === 0 ? '' : ` (${Math.floor((100 * done) / total)}%)`
  if (totalBytes !== undefined)
    return `${bytesText(bytes)} of ${bytesText(totalBytes)}${share(bytes, totalBytes)}`
  if (totalRecords !== undefined) {
    return `${countText(records)} of ${countText(totalRecords)} records${share(records, totalRecords)}`
  }
  return `${bytesText(bytes)}  ${countText(records)} records`
}

/** Asked each time: a program that was started by a launcher is not told when the window changes. */
function columns(output: Output): number {
  const stream = output.stream as { readonly getWindowSize?: () => [number, number] }
  return stream.getWindowSize?.()[0] || 80
}
