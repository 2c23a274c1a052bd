import type { Checkpoint, OffsetSync } from '../../replicate/index.ts'
import { type Column, heavyRule, lightRule, tableLines } from '../render/table.ts'

/** The fields of `mirror-positions --source-alias -o json`. */
export function checkpointsObject(
  alias: string,
  checkpoints: readonly Checkpoint[],
): Readonly<Record<string, unknown>> {
  return {
    source_alias: alias,
    positions: checkpoints.map(({ group, topic, partition, upstreamOffset, offset, metadata }) => ({
      group,
      topic,
      partition,
      source_offset: upstreamOffset,
      target_offset: offset,
      metadata,
    })),
  }
}

/** The fields of `mirror-positions --offset-syncs -o json`. */
export function syncsObject(topic: string, syncs: readonly OffsetSync[]): Readonly<Record<string, unknown>> {
  return {
    offset_syncs: topic,
    syncs: syncs.map(({ topic, partition, upstreamOffset, offset }) => ({
      topic,
      partition,
      source_offset: upstreamOffset,
      target_offset: offset,
    })),
  }
}

const places: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Source', numeric: true, width: 8 },
  { title: 'Target', numeric: true, width: 8 },
]

/** Checkpoints, for people. */
export function checkpointsText(alias: string, checkpoints: readonly Checkpoint[]): string {
  const rows = checkpoints.map(({ group, topic, partition, upstreamOffset, offset }) => [
    group,
    topic,
    String(partition),
    String(upstreamOffset),
    String(offset),
  ])
  return page(`Checkpoints of ${alias}`, [{ title: 'Group' }, ...places], rows)
}

/** Offset syncs, for people. */
export function syncsText(topic: string, syncs: readonly OffsetSync[]): string {
  const rows = syncs.map((sync) => [
    sync.topic,
    String(sync.partition),
    String(sync.upstreamOffset),
    String(sync.offset),
  ])
  return page(`Offset syncs of ${topic}`, places, rows)
}

function page(title: string, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const [head = '', ...lines] = tableLines(columns, rows)
  return [title, heavyRule, head, lightRule, ...lines, ''].join('\n')
}
