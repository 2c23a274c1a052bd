import type { Survey } from '../../replicate/index.ts'
import { countText, timeText } from '../render/quantities.ts'
import { type Column, heavyRule, lightRule, tableLines } from '../render/table.ts'
import { roundLines, roundObject } from './sync-report.ts'

/** The fields of `replicate status -o json`. */
export function surveyObject(survey: Survey): Readonly<Record<string, unknown>> {
  return {
    pipeline: survey.pipeline,
    source_cluster_id: survey.sourceClusterId,
    target_cluster_id: survey.targetClusterId,
    partitions: survey.partitions.map((partition) => ({
      pipeline: partition.pipeline,
      topic: partition.topic,
      partition: partition.partition,
      target_topic: partition.targetTopic,
      copied: partition.copied,
      source_end: partition.sourceEnd ?? null,
      lag: lagOf(partition) ?? null,
      map_complete_from: partition.completeFrom ?? null,
      mappings: partition.mappings,
      written: timeText(partition.written),
      events: partition.events.map(({ type, from, to, time }) => ({ type, from, to, time: timeText(time) })),
    })),
    groups: roundObject(survey.groups),
    handed_over: survey.handedOver.map(({ group, since, by }) => ({ group, since: timeText(since), by })),
  }
}

const columns: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Target topic', width: 9 },
  { title: 'Copied to', numeric: true },
  { title: 'Source end', numeric: true },
  { title: 'Lag', numeric: true },
  { title: 'Map', width: 8 },
  { title: 'Events' },
]

/** What a pipeline looks like, for people. */
export function surveyText(survey: Survey): string {
  const [title = '', ...rows] = tableLines(columns, survey.partitions.map(rowOf))
  const copied =
    rows.length === 0
      ? ['Nothing is copied yet, or no offset map is published.']
      : [title, lightRule, ...rows]
  const handed = survey.handedOver.map(
    ({ group, since, by }) => `${group}: handed over ${timeText(since)} by ${by}`,
  )
  return [
    `Pipeline ${survey.pipeline}: ${survey.sourceClusterId} → ${survey.targetClusterId}`,
    heavyRule,
    ...copied,
    '',
    ...roundLines(survey.groups),
    ...handed,
    ...(handed.length > 0 ? [''] : []),
  ].join('\n')
}

type Partition = Survey['partitions'][number]

function rowOf(partition: Partition): readonly string[] {
  const { topic, targetTopic, copied, sourceEnd, completeFrom, events } = partition
  return [
    topic,
    String(partition.partition),
    targetTopic,
    countText(copied),
    sourceEnd === undefined ? '-' : countText(sourceEnd),
    lagOf(partition) === undefined ? '-' : countText(lagOf(partition) ?? 0n),
    completeFrom === undefined ? 'complete' : `from ${completeFrom}`,
    // That copying began is no news.
    events
      .filter(({ type }) => type !== 'start')
      .map(({ type, from, to }) => `${type} ${from}–${to}`)
      .join(', '),
  ]
}

/** Source offsets that are not copied yet; among them may be markers, which hold no record. */
function lagOf({ sourceEnd, copied }: Partition): bigint | undefined {
  if (sourceEnd === undefined) return undefined
  return sourceEnd > copied ? sourceEnd - copied : 0n
}
