import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { PartitionScan } from '../../src/offsets/scan/partition-scan.ts'
import { origin, TrackingReader } from '../../src/offsets/scan/tracking-reader.ts'
import { batches, encodeBatch, RecordCursor } from '../../src/records/index.ts'
import { golden, goldens } from '../support/golden-batches.ts'
import {
  binaryHeaders,
  fetched,
  header,
  record,
  runsOf,
  scanOf,
  task,
  textHeaders,
} from '../support/header-records.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** What the reader makes of one record with these headers. */
function read(headers: Parameters<typeof record>[0]): readonly [keyof typeof origin, number, number] {
  const cursor = new RecordCursor(encodeBatch([record(headers)], { codec: 'none' }), 0)
  assert.ok(cursor.next())
  const reader = new TrackingReader('prod')
  const found = reader.read(cursor)
  const [name] = Object.entries(origin).find(([, value]) => value === found) ?? assert.fail()
  return [name as keyof typeof origin, reader.offset, reader.partition]
}
const origins = (headers: Parameters<typeof record>[0]) => read(headers)[0]

describe('the headers of a record', () => {
  it('are read in the text form', () => {
    assert.deepEqual(read(textHeaders(12345, 7)), ['source', 12345, 7])
    assert.deepEqual(read(textHeaders(Number.MAX_SAFE_INTEGER, 0)), ['source', Number.MAX_SAFE_INTEGER, 0])
  })

  it('are read in the binary form, byte for byte as other tools write it', () => {
    const bytes = [
      header('x-original-offset', Buffer.from('3930000000000000', 'hex')),
      header('x-original-timestamp', Buffer.from('d2a45e1b8c010000', 'hex')),
      header('x-source-cluster', 'prod'),
      header('x-source-partition', Buffer.from('07000000', 'hex')),
    ]
    assert.deepEqual(read(bytes), ['source', 12345, 7])
    assert.deepEqual(read(binaryHeaders(2n ** 40n + 5n, 1)), ['unnamed', 2 ** 40 + 5, 1])
    assert.deepEqual(read(binaryHeaders(5n, undefined, 'prod')), ['source', 5, -1])
  })

  it('count in the text form where a record has both, unless only the binary one names the source', () => {
    assert.deepEqual(read([...binaryHeaders(1n, 1, 'prod'), ...textHeaders(2, 2)]), ['source', 2, 2])
    assert.deepEqual(read([...binaryHeaders(1n, 1), ...textHeaders(2, 2, 'other')]), ['other', -1, -1])
    assert.deepEqual(read([...textHeaders(2, 2, 'other'), ...binaryHeaders(1n, 1, 'prod')]), ['source', 1, 1])
  })

  it('of an application are not taken for those of a copy', () => {
    assert.equal(origins([]), 'none')
    assert.equal(origins([header('x-kafka-backup-timestamp', '5')]), 'none')
    // Dead letter queues leave these.
    assert.equal(origins([header('x-source-partition', '3'), header('x-source-cluster', 'prod')]), 'none')
    assert.equal(origins([header('X-Kafka-Backup-Offset', '5')]), 'none')
  })

  it('that name another cluster are told apart, also by one letter', () => {
    for (const name of ['other', 'pro', 'prod2', 'Prod', ''])
      assert.equal(origins(textHeaders(1, 0, name)), 'other')
  })

  it('that are rubbish are unreadable, never a number', () => {
    for (const value of [
      '',
      '-1',
      '+1',
      '1.0',
      ' 1',
      '0x10',
      '1e3',
      '9007199254740993',
      '123456789012345678901',
      '١',
    ])
      assert.equal(origins(textHeaders(value, 0)), 'unreadable', value)
    for (const value of ['', '-1', 'zero', '2147483648'])
      assert.equal(origins(textHeaders(1, value)), 'unreadable', value)
    const [, partition = header('', ''), cluster = header('', '')] = textHeaders(1, 0)
    assert.equal(origins([header('x-kafka-backup-offset', null), partition, cluster]), 'unreadable')
    assert.equal(origins([partition, cluster]), 'unreadable')
    for (const offset of [-1n, 2n ** 53n, -(2n ** 63n)])
      assert.equal(origins(binaryHeaders(offset, 0)), 'unreadable')
    for (const length of [0, 4, 7, 9])
      assert.equal(origins([header('x-original-offset', Buffer.alloc(length))]), 'unreadable')
    assert.equal(origins(binaryHeaders(1n, -1)), 'unreadable')
    assert.equal(origins([...binaryHeaders(1n), header('x-source-partition', '3')]), 'unreadable')
  })

  it('that are there twice count when they say the same, and are unreadable when they do not', () => {
    assert.deepEqual(read([...textHeaders(4, 1), ...textHeaders(4, 1)]), ['source', 4, 1])
    assert.equal(origins([...textHeaders(4, 1), ...textHeaders(5, 1)]), 'unreadable')
    assert.equal(origins([...textHeaders(4, 1), header('x-kafka-backup-cluster', 'other')]), 'unreadable')
    assert.deepEqual(read([...binaryHeaders(4n, undefined, 'prod'), ...binaryHeaders(4n, 2)]), [
      'source',
      4,
      2,
    ])
    assert.equal(origins([...binaryHeaders(4n, undefined, 'prod'), ...binaryHeaders(9n, 2)]), 'unreadable')
  })
})

describe('a scan of a partition', () => {
  for (const codec of codecs) {
    it(`finds the runs in batches of codec ${codec}, in both forms`, () => {
      const records = [
        ...[100, 101, 105, 106, 110].map((offset) => record(textHeaders(offset, 0))),
        ...[111n, 112n].map((offset) => record(binaryHeaders(offset, 0, 'prod'))),
      ]
      const scan = scanOf(records, { codec })
      assert.deepEqual(runsOf(scan), [
        [0, 100, 0, 2],
        [0, 105, 2, 2],
        [0, 110, 4, 3],
      ])
      assert.deepEqual([scan.counts.records, scan.counts.mapped], [7, 7])
      assert.ok(!scan.lines.get(0)?.floor)
    })
  }

  it('keeps the records of several source partitions apart', () => {
    const records = [0, 1, 2, 3, 4, 5].map((i) => record(textHeaders(10 + (i >> 1), i % 2)))
    assert.deepEqual(runsOf(scanOf(records)), [
      [0, 10, 0, 1],
      [0, 11, 2, 1],
      [0, 12, 4, 1],
      [1, 10, 1, 1],
      [1, 11, 3, 1],
      [1, 12, 5, 1],
    ])
  })

  it('counts what it does not take: copied again, out of order, of another cluster, without headers, rubbish', () => {
    const records = [
      ...[5, 6, 7].map((offset) => record(textHeaders(offset, 0))),
      ...[5, 6, 7].map((offset) => record(textHeaders(offset, 0))),
      record(textHeaders(8, 0, 'elsewhere')),
      record(textHeaders(9, 0)),
      record([]),
      record(textHeaders('rubbish', 0)),
      record(binaryHeaders(10n, 0)),
    ]
    const scan = scanOf(records)
    assert.deepEqual(scan.counts, {
      records: 11,
      mapped: 5,
      repeated: 3,
      withoutHeaders: 1,
      otherCluster: 1,
      unreadable: 1,
      unnamedCluster: 1,
    })
    assert.deepEqual([...scan.otherClusters], ['elsewhere'])
    assert.deepEqual(runsOf(scan), [
      [0, 5, 0, 3],
      [0, 9, 7, 1],
      [0, 10, 10, 1],
    ])
  })

  it('rounds down only where an unknown record lies before one that is known', () => {
    const copied = [record(textHeaders(1, 0)), record(textHeaders(2, 0))]
    assert.equal(scanOf([...copied, record([])]).lines.get(0)?.floor, false)
    assert.equal(scanOf([record([]), ...copied]).lines.get(0)?.floor, true)
    assert.equal(scanOf([record(textHeaders('x', 0)), ...copied]).lines.get(0)?.floor, true)
    assert.equal(scanOf([record(textHeaders(0, 0, 'other')), ...copied]).lines.get(0)?.floor, false)
  })

  it('takes a record without a partition for one that kept its own, unless all partitions are scanned', () => {
    const records = [record(binaryHeaders(3n, undefined, 'prod'))]
    assert.equal(scanOf(records).counts.unreadable, 1)
    const kept = scanOf(records, { task: { scanAllPartitions: false, partition: 4 } })
    assert.deepEqual(runsOf(kept), [[4, 3, 0, 1]])
  })

  it('refuses records that came from another partition, unless all partitions are scanned', () => {
    const records = [record(textHeaders(3, 1))]
    assert.throws(
      () => scanOf(records, { task: { scanAllPartitions: false } }),
      (error) =>
        isTidemarkError(error, 'SCAN_NEEDS_ALL_PARTITIONS') && /source partition 1/.test(error.message),
    )
    // Another cluster's are of no interest.
    const others = scanOf([record(textHeaders(3, 1, 'other'))], { task: { scanAllPartitions: false } })
    assert.equal(others.counts.otherCluster, 1)
  })

  it('leaves out aborted records and markers, and what lies before the offset asked for', () => {
    const { bytes, batches: described } = golden('transactions')
    const aborted = new Set<string>()
    const open = new Map<string, string>()
    const list: { producerId: bigint; firstOffset: bigint }[] = []
    for (const batch of described) {
      if (batch.control) {
        const first = open.get(batch.producerId)
        const type = Buffer.from(batch.records[0]?.key ?? '', 'base64').readInt16BE(2)
        if (type === 0 && first !== undefined) {
          list.push({ producerId: BigInt(batch.producerId), firstOffset: BigInt(first) })
          aborted.add(`${batch.producerId}/${first}`)
        }
        open.delete(batch.producerId)
      } else if (batch.transactional && !open.has(batch.producerId))
        open.set(batch.producerId, batch.baseOffset)
    }
    assert.ok(list.length > 0, 'the capture holds an aborted transaction')
    const all = new PartitionScan(task)
    all.take(fetched(bytes))
    const committed = new PartitionScan(task)
    committed.take(fetched(bytes, 0n, { aborted: list }))
    const data = described.filter((batch) => !batch.control).flatMap((batch) => batch.records)
    assert.equal(all.counts.records, data.length)
    assert.ok(committed.counts.records < data.length)
    const late = new PartitionScan(task)
    const from = BigInt(data[2]?.offset ?? 0)
    late.take(fetched(bytes, from))
    assert.equal(late.counts.records, data.filter(({ offset }) => BigInt(offset) >= from).length)
  })

  for (const { name, bytes, batches: described } of goldens(/./)) {
    it(`counts the records of ${name} as Kafka's reader does`, () => {
      const scan = new PartitionScan(task)
      scan.take(fetched(bytes))
      const data = described.filter((batch) => !batch.control).flatMap((batch) => batch.records)
      assert.deepEqual([scan.counts.records, scan.counts.withoutHeaders], [data.length, data.length])
    })
  }

  it('ends with an error where the bytes are not what was written', () => {
    const batch = encodeBatch([record(textHeaders(1, 0))], { codec: 'none' })
    for (const at of [30, 70, batch.length - 1]) {
      const bad = Buffer.from(batch)
      bad[at] = (bad[at] ?? 0) ^ 0x10
      const scan = new PartitionScan(task)
      assert.throws(
        () => scan.take(fetched(bad)),
        (error) => isTidemarkError(error, 'RECORD_CORRUPT'),
      )
    }
  })
})

describe('walking the headers of a record', () => {
  it('says the same as decoding them, for every captured segment', () => {
    let seen = 0
    for (const { bytes } of goldens(/^(?!legacy)/)) {
      for (const at of batches(bytes, 0, bytes.length)) {
        const cursor = new RecordCursor(bytes, at)
        while (cursor.next()) {
          const decoded = cursor
            .headers()
            .map(({ key, value }) => [key.toString('hex'), value?.toString('hex') ?? null])
          const walked: (readonly [string, string | null])[] = []
          assert.equal(cursor.headersCount(), decoded.length)
          while (cursor.nextHeader()) {
            const { body, headerKeyAt, headerKeyEnd, headerValueAt, headerValueEnd } = cursor
            walked.push([
              body.toString('hex', headerKeyAt, headerKeyEnd),
              headerValueAt < 0 ? null : body.toString('hex', headerValueAt, headerValueEnd),
            ])
          }
          assert.deepEqual(walked, decoded)
          seen += walked.length
        }
      }
    }
    assert.ok(seen > 10)
  })
})
