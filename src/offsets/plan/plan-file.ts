import { TidemarkError } from '../../base/index.ts'
import { JsonValue } from '../json-value.ts'
import { readShareMark } from '../share-mark.ts'
import {
  hashPlan,
  type Plan,
  type PlanEntry,
  type PlanNotice,
  type PlanOrigin,
  planToValues,
} from './plan.ts'
import { readTopicIds } from './topic-ids.ts'

const actions = ['SET', 'DELETE', 'KEEP', 'SKIP', 'REFUSE'] as const
const kinds = [
  'exact',
  'before-copy',
  'ahead-of-copy',
  'empty',
  'floor',
  'unmapped',
  'new-partition',
  'no-position',
  'not-copied',
  'as-given',
  'by-time',
  'log-start',
  'log-end',
  'shifted',
  'translated',
  'as-before',
  'no-partition',
  'recreated',
  'unreadable',
  'other-type',
  'unwanted',
] as const
const noticeCodes = [
  'share-group',
  'capture-failed',
  'no-match',
  'no-positions',
  'unstable-position',
  'metadata-dropped',
  'without-time',
  'header-scan',
  'taken-as-source',
] as const
const strategies = [
  'header-based',
  'from-mapping',
  'positions',
  'timestamp',
  'duration',
  'earliest',
  'latest',
  'offset',
  'shift',
] as const

const damaged = 'A plan is what `offset-reset plan --output` wrote, whole and as it is: make it again.'

/** A plan as the text of a file. */
export function planToJson(plan: Plan): string {
  return `${JSON.stringify({ ...planToValues(plan), hash: plan.hash }, null, 2)}\n`
}

/**
 * Reads a plan file. Throws FILE_NOT_READABLE naming the place that is wrong, PLAN_ALTERED when the content
 * is not what the hash was made of. Layout and order of members may have changed; values may not.
 */
export function planFromJson(text: string, file: string): Plan {
  const root = JsonValue.parse(text, file, damaged)
  root.at('format').word(['tidemark-offset-plan'])
  root.at('version').version(1)
  const plan = {
    clusterId: root.at('cluster_id').text(),
    created: time(root.at('created')),
    origin: readOrigin(root.at('origin')),
    strategy: root.at('strategy').present ? root.at('strategy').word(strategies) : undefined,
    map: root.at('map').textOr(undefined),
    retentionMinutes: root.at('retention_minutes').present ? root.at('retention_minutes').count() : undefined,
    topicIds: readTopicIds(root.at('topics')),
    entries: root.at('entries').list().map(readEntry),
    notices: root.at('notices').list().map(readNotice),
  }
  const hash = root.at('hash').text()
  if (hashPlan(plan) !== hash) {
    throw new TidemarkError('PLAN_ALTERED', `${file} was changed after the plan was made`, {
      hint: 'Make the plan again, with the options that give what you want, and apply that.',
    })
  }
  return { ...plan, hash }
}

function readOrigin(origin: JsonValue): PlanOrigin {
  const captured = time(origin.at('captured'))
  switch (
    origin.at('type').word(['backup', 'file', 'snapshot', 'source', 'target', 'groups', 'replication'])
  ) {
    case 'backup':
      return {
        type: 'backup',
        backupId: origin.at('backup_id').text(),
        restoreId: origin.at('restore_id').textOr(undefined),
        captured,
      }
    case 'file':
      return { type: 'file', file: origin.at('file').text(), captured }
    case 'snapshot':
      return { type: 'snapshot', snapshotId: origin.at('snapshot_id').text(), captured }
    case 'replication':
      return { type: 'replication', pipeline: origin.at('pipeline').text(), captured }
    case 'source':
      return { type: 'source', clusterId: origin.at('cluster_id').text(), captured }
    case 'target':
      return { type: 'target', captured }
    case 'groups':
      return { type: 'groups', from: origin.at('from').textOr(undefined), captured }
  }
}

function readEntry(entry: JsonValue): PlanEntry {
  const current = entry.at('current')
  return {
    group: entry.at('group').text(),
    ...readShareMark(entry),
    topic: entry.at('topic').text(),
    partition: entry.at('partition').count(),
    current: current.present
      ? { offset: current.at('offset').offset(), metadata: current.at('metadata').textOr(null) }
      : undefined,
    // A target that is refused may lie before any log: a shift, or an offset that was given.
    target: entry.at('target').offsetOr(undefined, -(2n ** 63n)),
    metadata: entry.at('metadata').textOr(null),
    action: entry.at('action').word(actions),
    kind: entry.at('kind').word(kinds),
    reason: entry.at('reason').text(),
    reread: entry.at('reread').count(),
    from: entry
      .at('from')
      .list()
      .map((source) => ({
        topic: source.at('topic').text(),
        partition: source.at('partition').count(),
        offset: source.at('offset').offset(),
      })),
  }
}

function readNotice(notice: JsonValue): PlanNotice {
  const group = notice.at('group')
  const topic = notice.at('topic')
  const partition = notice.at('partition')
  return {
    code: notice.at('code').word(noticeCodes),
    message: notice.at('message').text(),
    ...(group.present && { group: group.text() }),
    ...(topic.present && { topic: topic.text() }),
    ...(partition.present && { partition: partition.count() }),
  }
}

function time(value: JsonValue): number {
  const ms = Date.parse(value.text())
  if (Number.isNaN(ms)) throw value.wrong('a time in ISO 8601')
  return ms
}
