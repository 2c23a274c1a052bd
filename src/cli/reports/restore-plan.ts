import type { Obstacle, PlannedTopic, RestorePlan, ValidateRestoreReport } from '../../restore/index.ts'
import { bytesText, countText, plural } from '../render/quantities.ts'
import { type Column, fieldLines, printable, tableLines } from '../render/table.ts'
import { noticeObject } from './notice-object.ts'
import { noticeLines } from './restore-report.ts'

/** The fields of `validate-restore -o json`. */
export function restorePlanObject(
  plan: RestorePlan,
  found: ValidateRestoreReport,
): Readonly<Record<string, unknown>> {
  return {
    backup_id: plan.backupId,
    commit: plan.commit,
    source_cluster_id: plan.sourceClusterId,
    target_cluster_id: plan.targetClusterId,
    valid: found.obstacles.length === 0,
    records: plan.records,
    bytes: plan.bytes,
    groups: found.groups,
    topics: plan.topics.map(topicObject),
    obstacles: found.obstacles.map(obstacleObject),
    notices: found.notices.map(noticeObject),
    duration_ms: Math.round(found.durationMs),
  }
}

/** The plan for people. */
export function restorePlanText(plan: RestorePlan, found: ValidateRestoreReport): string {
  const lines = [
    found.obstacles.length === 0
      ? `The restore of ${printable(plan.backupId)} can be done`
      : `The restore of ${printable(plan.backupId)} cannot be done: ${plural(found.obstacles.length, 'obstacle')}`,
    ...fieldLines([
      ['  Target', plan.targetClusterId],
      ['  Commit', String(plan.commit)],
      ['  At most', `${plural(plan.records, 'record')}, ${bytesText(plan.bytes)}`],
      ['  Groups', countText(found.groups)],
    ]),
    '',
    ...tableLines(columns, plan.topics.map(topicRow)),
  ]
  if (found.obstacles.length > 0) lines.push('', 'In the way:', ...found.obstacles.flatMap(obstacleLines))
  return `${[...lines, ...noticeLines(found.notices)].join('\n')}\n`
}

const columns: readonly Column[] = [
  { title: 'Source' },
  { title: 'Target' },
  { title: 'Action' },
  { title: 'Partitions', numeric: true },
  { title: 'Records', numeric: true },
  { title: 'Size', numeric: true },
]

function topicRow(topic: PlannedTopic): readonly string[] {
  const { records, bytes } = amounts(topic)
  return [
    topic.sources.join(', '),
    topic.target,
    topic.purge ? `${topic.action}, purge` : topic.action,
    String(topic.partitions),
    String(records),
    bytesText(bytes),
  ]
}

function amounts(topic: PlannedTopic): { readonly records: number; readonly bytes: number } {
  const inputs = topic.lanes.flatMap((lane) => lane.inputs)
  const sum = (of: 'records' | 'bytes') => inputs.reduce((total, { source }) => total + source[of], 0)
  return { records: sum('records'), bytes: sum('bytes') }
}

function topicObject(topic: PlannedTopic): Readonly<Record<string, unknown>> {
  return {
    target: topic.target,
    sources: topic.sources,
    action: topic.action,
    partitions: topic.partitions,
    replication_factor: topic.replicationFactor ?? null,
    purge: topic.purge,
    configs: topic.finalConfigs,
    ...amounts(topic),
  }
}

function obstacleObject(obstacle: Obstacle): Readonly<Record<string, unknown>> {
  return {
    code: obstacle.code,
    message: obstacle.message,
    hint: obstacle.hint ?? null,
    topic: obstacle.topic ?? null,
    partition: obstacle.partition ?? null,
    offset: obstacle.offset ?? null,
  }
}

function obstacleLines(obstacle: Obstacle): readonly string[] {
  const hint = obstacle.hint === undefined ? [] : [`    hint: ${obstacle.hint}`]
  return [`  ${printable(obstacle.message)} [${obstacle.code}]`, ...hint]
}
