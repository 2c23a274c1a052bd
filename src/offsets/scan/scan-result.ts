import { MapBuilder } from '../map/map-builder.ts'
import type { PartitionMap } from '../map/partition-map.ts'
import type { PartitionScan } from './partition-scan.ts'
import type { ScanCounts } from './scan-types.ts'

export const noCounts: ScanCounts = Object.freeze({
  records: 0,
  mapped: 0,
  repeated: 0,
  withoutHeaders: 0,
  otherCluster: 0,
  unreadable: 0,
  unnamedCluster: 0,
})

/** The sums. */
export function addCounts(a: ScanCounts, b: ScanCounts): ScanCounts {
  return {
    records: a.records + b.records,
    mapped: a.mapped + b.mapped,
    repeated: a.repeated + b.repeated,
    withoutHeaders: a.withoutHeaders + b.withoutHeaders,
    otherCluster: a.otherCluster + b.otherCluster,
    unreadable: a.unreadable + b.unreadable,
    unnamedCluster: a.unnamedCluster + b.unnamedCluster,
  }
}

/**
 * The maps that the scans make together. What the source had beyond the last record copied is not known: its log is taken to end there,
 * so that positions beyond come out as ahead of the copy. A partition without a single record is an empty map, where partitions kept
 * their numbers: whatever will be copied there is unread.
 */
export function mapsOf(scans: readonly PartitionScan[]): PartitionMap[] {
  const ends = new Map<string, number>()
  const key = (scan: PartitionScan, partition: number) => `${scan.task.sourceTopic}/${partition}`
  for (const scan of scans) {
    for (const [partition, line] of scan.lines) {
      const at = key(scan, partition)
      ends.set(at, Math.max(ends.get(at) ?? 0, line.nextSource))
    }
  }
  return scans.flatMap((scan) => {
    const maps = [...scan.lines].map(([partition, line]) => {
      // More of the copy may lie behind what is known of it, too.
      if (scan.sampled) line.floor = true
      return line.seal(ends.get(key(scan, partition)) ?? 0)
    })
    return scan.counts.records === 0 && !scan.task.scanAllPartitions ? [emptyMap(scan)] : maps
  })
}

function emptyMap({ task }: PartitionScan): PartitionMap {
  const builder = new MapBuilder({
    sourceTopic: task.sourceTopic,
    sourcePartition: task.partition,
    targetTopic: task.topic,
    targetPartition: task.partition,
    sourceCluster: task.sourceCluster,
  })
  return builder.seal({ sourceEnd: 0n, copyStart: task.start })
}
