import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  byPlace,
  type LogTable,
  makePlan,
  positionsFromFiles,
  type TargetPlace,
  type WantedPosition,
  wantedAtEdge,
  wantedAtOffset,
  wantedAtTime,
  wantedShifted,
} from '../../src/offsets/index.ts'

const partitions = 4

/** Logs of a topic, and a group that stands in, before or behind some of them. */
const scene = fc.record({
  logs: fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: partitions }),
  places: fc.uniqueArray(
    fc.record({
      partition: fc.nat(partitions - 1),
      offset: fc.option(fc.nat(130), { nil: undefined }),
      metadata: fc.constantFrom('', 'state', 'tidemark/1 cluster=x'),
    }),
    { selector: ({ partition }) => partition, minLength: 1 },
  ),
  value: fc.integer({ min: -150, max: 150 }),
  policy: fc.constantFrom('fail' as const, 'clamp' as const, 'skip' as const),
})

const strategies: Readonly<
  Record<string, (places: readonly TargetPlace[], value: number, logs: LogTable) => readonly WantedPosition[]>
> = {
  earliest: (places, _, logs) => wantedAtEdge(places, 'earliest', logs),
  latest: (places, _, logs) => wantedAtEdge(places, 'latest', logs),
  shift: (places, value) => wantedShifted(places, BigInt(value)),
  offset: (places, value) => wantedAtOffset(places, byPlace({ '*': BigInt(Math.abs(value)) })),
  // As a broker answers: an offset of the log, or its end.
  time: (places, value, logs) => {
    const offsetFor = (topic: string, partition: number, time: bigint) => {
      const log = logs.get(topic)?.get(partition)
      return log && (time > log.logEnd ? log.logEnd : time < log.logStart ? log.logStart : time)
    }
    return wantedAtTime(places, byPlace({ '*': BigInt(Math.abs(value)) }), offsetFor, logs)
  },
}

for (const [name, strategy] of Object.entries(strategies)) {
  test(`${name}: each place has one entry, what is set lies in its log, and metadata is as it was`, () => {
    fc.assert(
      fc.property(scene, ({ logs: bounds, places: given, value, policy }) => {
        const logs: LogTable = new Map([
          [
            't',
            new Map(
              bounds.map(([start, length], partition) => [
                partition,
                { logStart: BigInt(start), logEnd: BigInt(start + length) },
              ]),
            ),
          ],
        ])
        const places = given.map(({ partition, offset, metadata }): TargetPlace => {
          const now = offset === undefined ? undefined : { offset: BigInt(offset), metadata }
          return { group: 'g', topic: 't', partition, now }
        })
        const positions = places.flatMap(({ topic, partition, now }) =>
          now ? [{ topic, partition, leaderEpoch: -1, ...now }] : [],
        )
        const plan = makePlan({
          clusterId: 'c',
          created: 0,
          origin: { type: 'target', captured: 0 },
          wanted: strategy(places, value, logs),
          notices: [],
          current: { done: [{ group: 'g', positions, unstable: [] }], failed: [] },
          logs,
          outOfRange: policy,
        })
        assert.deepEqual(
          plan.entries.map(({ partition }) => partition),
          places.map(({ partition }) => partition).sort((a, b) => a - b),
        )
        for (const entry of plan.entries) {
          const log = logs.get('t')?.get(entry.partition)
          const now = places.find(({ partition }) => partition === entry.partition)?.now
          if (entry.action === 'REFUSE') assert.equal(policy, 'fail')
          if (log === undefined) assert.equal(entry.action, 'SKIP')
          if (entry.action !== 'SET') continue
          assert.ok(log && entry.target !== undefined)
          assert.ok(entry.target >= log.logStart && entry.target <= log.logEnd)
          assert.equal(entry.metadata ?? '', now?.metadata ?? '')
          assert.notEqual(entry.target, now?.offset, 'else there is nothing to set')
        }
      }),
    )
  })
}

test('what the tool of Kafka exports is read back, whatever the names of the groups', () => {
  const group = fc.string({
    unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'ß', ';', "'"),
    minLength: 1,
    maxLength: 12,
  })
  const row = fc.record({
    group,
    topic: fc.stringMatching(/^[\w.-]{1,20}$/),
    partition: fc.nat(1000),
    offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  })
  const rows = fc.uniqueArray(row, {
    selector: ({ group, topic, partition }) => JSON.stringify([group, topic, partition]),
    minLength: 1,
    maxLength: 20,
  })
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  fc.assert(
    fc.property(rows, fc.constantFrom('\n', '\r\n'), (wanted, end) => {
      const text = wanted
        .map(
          ({ group, topic, partition, offset }) => [quoted(group), topic, partition, offset].join(',') + end,
        )
        .join('')
      const { groups } = positionsFromFiles([{ name: 'f.csv', text }], { now: 0, onlyGroup: undefined })
      const read = groups.flatMap(({ group, positions }) =>
        positions.map(({ topic, partition, offset }) =>
          JSON.stringify([group, topic, partition, String(offset)]),
        ),
      )
      const written = wanted.map(({ group, topic, partition, offset }) =>
        JSON.stringify([group, topic, partition, String(offset)]),
      )
      assert.deepEqual(read.sort(), written.sort())
    }),
  )
})
