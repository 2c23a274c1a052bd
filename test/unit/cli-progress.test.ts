import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { Clock } from '../../src/base/index.ts'
import { Output } from '../../src/cli/output.ts'
import { jsonProgress } from '../../src/cli/progress/json-progress.ts'
import { Meter } from '../../src/cli/progress/meter.ts'
import { progressLines, terminalProgress } from '../../src/cli/progress/terminal-progress.ts'

/** A clock that moves when told to. */
function handClock(): Clock & { ms: number } {
  return {
    ms: 0,
    now() {
      return this.ms
    },
    monotonic() {
      return this.ms
    },
    sleep: () => Promise.resolve(),
  }
}

function gathering(): { readonly output: Output; readonly text: () => string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { output: new Output(Object.assign(stream, { isTTY: true })), text: () => text }
}

test('rates come from the last seconds, the time left from totals and rate, the slowest from what is left', () => {
  const clock = handClock()
  const meter = new Meter(clock)
  meter.begin('copy', { bytes: 10_000, partitions: 3 })
  for (const [partition, left] of [10, 500, 90, 400].entries()) meter.remaining('t', partition, left)
  clock.ms = 1000
  meter.advance('t', 1, 1000, 100)
  meter.done('t', 0)
  const reading = meter.read()
  assert.equal(reading.bytesPerSecond, 1000)
  assert.equal(reading.secondsLeft, 9)
  assert.equal(reading.partitionsDone, 1)
  assert.deepEqual(
    reading.slowest.map(({ partition, recordsLeft }) => [partition, recordsLeft]),
    [
      [1, 400],
      [3, 400],
      [2, 90],
    ],
  )
  clock.ms = 60_000
  meter.read()
  clock.ms = 61_000
  assert.equal(meter.read().bytesPerSecond, 0)
})

test('a new phase begins from nothing', () => {
  const clock = handClock()
  const meter = new Meter(clock)
  meter.begin('copy', { records: 10 })
  meter.advance('t', 0, 5, 5)
  meter.begin('positions', {})
  const { phase, bytes, totalRecords, secondsLeft } = meter.read()
  assert.deepEqual(
    { phase, bytes, totalRecords, secondsLeft },
    { phase: 'positions', bytes: 0, totalRecords: undefined, secondsLeft: undefined },
  )
})

test('the picture shows amount, share, rates, time left, partitions and the slowest of them, as far as they fit', () => {
  const reading = {
    phase: 'copy',
    bytes: 512 * 1024,
    records: 1000,
    totalBytes: 1024 * 1024,
    totalRecords: undefined,
    partitions: 4,
    partitionsDone: 1,
    groups: undefined,
    groupsDone: 0,
    bytesPerSecond: 1024,
    recordsPerSecond: 2.4,
    secondsLeft: 512,
    slowest: [{ topic: 'orders', partition: 3, recordsLeft: 12_000 }],
  }
  assert.deepEqual(progressLines(reading, 100), [
    'copy:  512 KiB of 1.0 MiB (50%)  1.0 KiB/s  8 min 32 s left  2 records/s  1 of 4 partitions',
    '  orders/3: 12,000 records left',
  ])
  assert.deepEqual(progressLines(reading, 45), [
    'copy:  512 KiB of 1.0 MiB (50%)  1.0 KiB/s',
    '  orders/3: 12,000 records left',
  ])
})

test('a phase that counts in groups shows nothing else', () => {
  const meter = new Meter(handClock())
  meter.begin('commit', { groups: 1200 })
  meter.groups(1000)
  meter.groups(1)
  assert.deepEqual(progressLines(meter.read(), 100), ['commit:  1,001 of 1,200 groups'])
  meter.begin('read back', {})
  assert.equal(meter.read().groupsDone, 0)
})

test('a terminal picture is taken away before other lines and at the end', async () => {
  const { output, text } = gathering()
  const progress = terminalProgress(output)
  progress.phase('copy', { bytes: 100 })
  progress.advance('t', 0, 50, 1)
  while (!text().includes('copy:')) await new Promise((resolve) => setTimeout(resolve, 20))
  progress.above(() => output.line('warn: look'))
  assert.ok(text().endsWith('\u001b[1A\u001b[Jwarn: look\n'))
  progress.stop()
  progress.stop()
})

test('machines get one JSON object a line, at least at the beginning and at the end of a phase', () => {
  const { output, text } = gathering()
  const progress = jsonProgress(output)
  progress.phase('copy', { bytes: 100, partitions: 1 })
  progress.advance('t', 0, 100, 7)
  progress.done('t', 0)
  progress.stop()
  const lines = text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(lines.length, 2)
  const { time, bytes_per_second, records_per_second, ...last } = lines[1] ?? {}
  assert.ok([time, bytes_per_second, records_per_second].every((value) => value !== undefined))
  assert.deepEqual(last, {
    type: 'progress',
    phase: 'copy',
    bytes: 100,
    records: 7,
    total_bytes: 100,
    total_records: null,
    partitions: 1,
    partitions_done: 1,
    groups: null,
    groups_done: 0,
    seconds_left: 0,
    slowest: [],
  })
})

test('writing to a stream that was closed early harms nothing', async () => {
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('closed'), { code: 'EPIPE' }))
    },
  })
  const output = new Output(stream)
  output.line('one')
  await output.flushed()
  output.line('two')
  await output.flushed()
})
