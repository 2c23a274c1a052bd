import type { BackupSummary, CapturedGroup, PositionCapture, TopicSummary } from '../../archive/index.ts'
import { bytesText, countText, plural, timeText } from '../render/quantities.ts'
import { type Column, fieldLines, heavyRule, lightRule, printable, tableLines } from '../render/table.ts'
import { stateText, summaryObject, totals } from './backup-list.ts'

/** The fields of `describe -o json`. */
export function describeObject(
  summary: BackupSummary,
  capture: PositionCapture | undefined,
): Readonly<Record<string, unknown>> {
  return {
    ...summaryObject(summary),
    topics: byName(summary).map(topicObject),
    positions_captured: capture === undefined ? null : timeText(capture.taken),
    groups: (capture?.groups ?? []).map(groupObject),
    failed_groups: capture?.failed ?? [],
  }
}

/** The description for people. */
export function describeText(summary: BackupSummary, capture: PositionCapture | undefined): string {
  const { identity } = summary
  const sums = totals(summary.topics)
  const name = identity.sourceName === undefined ? '' : ` (${identity.sourceName})`
  const lines = [
    `Backup: ${printable(identity.backupId)}`,
    heavyRule,
    ...fieldLines([
      ['Source cluster', `${identity.sourceClusterId}${name}`],
      ['Created', timeText(identity.created)],
      ['Written by', `${identity.software}, format ${identity.formatVersion}`],
      [
        'Commits',
        summary.commits === 0
          ? '0'
          : `${summary.commits}, the newest (${summary.lastCommit}) at ${timeText(summary.lastCommitTime)}`,
      ],
      ['State', stateText(summary)],
      [
        'Holds',
        `${plural(sums.records, 'record')}, ${bytesText(sums.rawBytes)} (${bytesText(sums.storedBytes)} stored)`,
      ],
    ]),
    '',
    `${plural(summary.topics.length, 'topic')}`,
    lightRule,
    ...tableLines(topicColumns, byName(summary).map(topicRow)),
    '',
    capture === undefined
      ? 'No positions of consumer groups were captured'
      : `${plural(capture.groups.length, 'consumer group')}, positions captured at ${timeText(capture.taken)}`,
  ]
  if (capture !== undefined && capture.groups.length > 0) {
    lines.push(lightRule, ...tableLines(groupColumns, capture.groups.map(groupRow)))
  }
  for (const { group, error } of capture?.failed ?? []) {
    lines.push(`The positions of ${printable(group)} could not be captured: ${printable(error)}`)
  }
  return `${lines.join('\n')}\n`
}

/** By name; of one name the newest generation first. */
function byName(summary: BackupSummary): readonly TopicSummary[] {
  return summary.topics.toSorted((a, b) =>
    a.topic === b.topic ? Number(a.superseded) - Number(b.superseded) : a.topic < b.topic ? -1 : 1,
  )
}

const topicColumns: readonly Column[] = [
  { title: 'Topic' },
  { title: 'Partitions', numeric: true },
  { title: 'Records', numeric: true },
  { title: 'Size', numeric: true },
  { title: 'Stored', numeric: true },
  { title: 'Gaps', numeric: true },
  { title: 'Newest Record' },
  { title: 'Note' },
]

function topicRow(topic: TopicSummary): readonly string[] {
  return [
    topic.topic,
    countText(topic.partitions),
    countText(topic.records),
    bytesText(topic.rawBytes),
    bytesText(topic.storedBytes),
    countText(topic.gaps),
    timeText(topic.maxTimestamp),
    topic.superseded ? `earlier generation ${topic.topicId ?? ''}` : '',
  ]
}

const groupColumns: readonly Column[] = [
  { title: 'Group' },
  { title: 'Type' },
  { title: 'State' },
  { title: 'Members', numeric: true },
  { title: 'Positions', numeric: true },
]

function groupRow(group: CapturedGroup): readonly string[] {
  return [group.group, group.type, group.state, countText(group.members), countText(group.positions.length)]
}

function topicObject(topic: TopicSummary): Readonly<Record<string, unknown>> {
  return {
    topic: topic.topic,
    topic_id: topic.topicId ?? null,
    superseded: topic.superseded,
    partitions: topic.partitions,
    records: topic.records,
    raw_bytes: topic.rawBytes,
    stored_bytes: topic.storedBytes,
    chunks: topic.chunks,
    gaps: topic.gaps,
    newest_record: topic.maxTimestamp < 0n ? null : topic.maxTimestamp,
  }
}

function groupObject(group: CapturedGroup): Readonly<Record<string, unknown>> {
  return {
    group: group.group,
    type: group.type,
    state: group.state,
    protocol_type: group.protocolType,
    members: group.members,
    positions: group.positions.map((position) => ({
      topic: position.topic,
      partition: position.partition,
      offset: position.offset,
      leader_epoch: position.leaderEpoch,
      metadata: position.metadata,
      unstable: position.unstable ?? false,
    })),
  }
}
