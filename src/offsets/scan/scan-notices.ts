import { TidemarkError } from '../../base/index.ts'
import type { PartitionScan } from './partition-scan.ts'
import type { PartitionPlan } from './scan-plan.ts'
import type { ScanNotice, ScannedTopic } from './scan-types.ts'

/** What there is to know about a topic that is in the map: what was come upon and is not in it, and what that does to answers. */
export function topicNotices(
  { target: topic, counts, otherClusters }: ScannedTopic,
  scans: readonly PartitionScan[],
  plans: readonly PartitionPlan[],
): ScanNotice[] {
  const notices: ScanNotice[] = []
  const floor = scans.some((scan) => !scan.sampled && [...scan.lines.values()].some((line) => line.floor))
  const rounded = floor ? '; some lie among the copied ones: positions there are rounded down' : ''
  const note = (code: ScanNotice['code'], records: number, message: string) => {
    if (records > 0) notices.push({ code, topic, records, message })
  }
  note(
    'repeated',
    counts.repeated,
    `${records(counts.repeated)} of ${topic} copied again, or out of order: the first copy counts`,
  )
  note(
    'without-headers',
    counts.withoutHeaders,
    `${records(counts.withoutHeaders)} of ${topic} without headers: not in the map${rounded}`,
  )
  note(
    'other-cluster',
    counts.otherCluster,
    `${records(counts.otherCluster)} of ${topic} copied from ${quoted(otherClusters)}: not in the map`,
  )
  note(
    'unreadable-headers',
    counts.unreadable,
    `${records(counts.unreadable)} of ${topic} with headers that cannot be understood, or contradict each other: not in the map${rounded}`,
  )
  note(
    'unnamed-cluster',
    counts.unnamedCluster,
    `${records(counts.unnamedCluster)} of ${topic} without the name of a cluster: taken to be of the one asked for`,
  )
  for (const { task, logEnd } of plans) {
    if (task.stop >= logEnd) continue
    notices.push({
      code: 'open-transaction',
      topic,
      partition: task.partition,
      message: `An open transaction holds partition ${task.partition} of ${topic} at offset ${task.stop}: what lies between there and ${logEnd} is not in the map`,
    })
  }
  const sampled = scans.filter((scan) => scan.sampled).length
  if (sampled > 0) {
    const message = `${sampled} of ${scans.length} partitions of ${topic} were sampled: positions between the records known are rounded down`
    notices.push({ code: 'sampled', topic, message })
  }
  return notices
}

/** The error for a topic that holds nothing of the source cluster, with what it holds instead. */
export function missingHeaders(
  { target: topic, counts, otherClusters }: ScannedTopic,
  sourceCluster: string,
): TidemarkError {
  const source = JSON.stringify(sourceCluster)
  const error = (message: string, hint: string) =>
    new TidemarkError('HEADERS_NOT_FOUND', message, { hint, details: { topic } })
  if (counts.records === 0) {
    return error(`The topic ${topic} holds no records: no map can be built from it`, 'Restore it first.')
  }
  if (otherClusters.length > 0) {
    return error(
      `The topic ${topic} holds no record of the source cluster ${source}: its headers name ${quoted(otherClusters)}`,
      'Name one of them with --source-cluster.',
    )
  }
  if (counts.unreadable > 0) {
    return error(
      `The headers of ${records(counts.unreadable)} of the topic ${topic} cannot be understood, and no others say where they came from`,
      'Records that name no partition, or contradict themselves, cannot be placed; use the map that is kept with the restore.',
    )
  }
  return error(
    `None of the records of the topic ${topic} (${counts.records} read) says where it came from`,
    'Restore with include_original_offset_header: true; or use the map that is kept with the restore (offset-reset --path … --backup-id …).',
  )
}

function records(count: number): string {
  return count === 1 ? '1 record' : `${count} records`
}

function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ')
}
