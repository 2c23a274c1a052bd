import type { FetchedBatches } from '../../src/kafka/index.ts'
import { PartitionScan, type PartitionTask } from '../../src/offsets/scan/partition-scan.ts'
import { type CodecName, type EncodableRecord, encodeBatch } from '../../src/records/index.ts'

type Header = { readonly key: Buffer; readonly value: Buffer | null }

/** The text form of tracking headers. */
export function textHeaders(offset: unknown, partition: unknown, cluster = 'prod'): Header[] {
  return [
    header('x-kafka-backup-offset', String(offset)),
    header('x-kafka-backup-partition', String(partition)),
    header('x-kafka-backup-cluster', cluster),
    header('x-kafka-backup-timestamp', '1701234567890'),
  ]
}

/** The binary form of other tools; without a cluster or a partition where none is given. */
export function binaryHeaders(offset: bigint, partition?: number, cluster?: string): Header[] {
  const time = Buffer.alloc(8)
  time.writeBigInt64LE(1_701_234_567_890n)
  return [
    header('x-original-offset', int64(offset)),
    header('x-original-timestamp', time),
    ...(partition === undefined ? [] : [header('x-source-partition', int32(partition))]),
    ...(cluster === undefined ? [] : [header('x-source-cluster', cluster)]),
  ]
}

export function header(key: string, value: string | Buffer | null): Header {
  return { key: Buffer.from(key), value: typeof value === 'string' ? Buffer.from(value) : value }
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/** A record with these headers, among others that an application may have. */
export function record(headers: readonly Header[]): EncodableRecord {
  const app = [header('trace', Buffer.from([0xff, 0x00])), header('x-kafka-backup-offset-of-mine', '7')]
  return {
    timestamp: 1_000n,
    key: Buffer.from('key'),
    value: Buffer.alloc(30, 0x78),
    headers: [...app, ...headers],
  }
}

export const task: PartitionTask = {
  topic: 'copy',
  sourceTopic: 'orders',
  partition: 0,
  topicId: undefined,
  start: 0n,
  stop: 1n << 40n,
  sourceCluster: 'prod',
  scanAllPartitions: true,
}

/** Whole batches as a fetcher delivers them. */
export function fetched(buffer: Buffer, fromOffset = 0n, more: Partial<FetchedBatches> = {}): FetchedBatches {
  return {
    topic: 'copy',
    partition: 0,
    buffer,
    start: 0,
    end: buffer.length,
    fromOffset,
    nextOffset: fromOffset,
    leaderEpoch: 0,
    aborted: [],
    logStartOffset: 0n,
    lastStableOffset: 1n << 40n,
    highWatermark: 1n << 40n,
    release() {},
    ...more,
  }
}

/** A scan of records that lie one after the other from target offset 0 on. */
export function scanOf(
  records: readonly EncodableRecord[],
  options: { readonly codec?: CodecName; readonly task?: Partial<PartitionTask> } = {},
): PartitionScan {
  const scan = new PartitionScan({ ...task, ...options.task })
  if (records.length > 0) scan.take(fetched(encodeBatch(records, { codec: options.codec ?? 'none' })))
  return scan
}

/** The runs of a scan's maps: source partition, source offset, target offset, count. */
export function runsOf(scan: PartitionScan): (readonly [number, number, number, number])[] {
  return [...scan.lines].flatMap(([partition, line]) =>
    [...line.seal(line.nextSource).runs()].map(
      (run) => [partition, Number(run.source), Number(run.target), run.count] as const,
    ),
  )
}
