import type { GroupPositions } from '../../kafka/index.ts'

/** Positions in the form of `kafka-consumer-groups --export`, and what has no place in it. */
export interface KafkaCsvText {
  readonly text: string
  readonly rows: number
  /** Groups with a line break in their name: the tool reads a file line by line. */
  readonly unreadable: readonly string[]
}

/**
 * `group,topic,partition,offset`, or for one group that is not named `topic,partition,offset`; by name, no header. What is not plain
 * is in double quotes, as Kafka's own tool writes it.
 */
export function kafkaCsvText(groups: readonly GroupPositions[], named: boolean): KafkaCsvText {
  const unreadable = groups.map(({ group }) => group).filter((group) => named && /[\r\n]/.test(group))
  const lines = groups
    .toSorted((a, b) => (a.group < b.group ? -1 : 1))
    .filter(({ group }) => !unreadable.includes(group))
    .flatMap(({ group, positions }) =>
      positions
        .filter(({ offset }) => offset >= 0n)
        .toSorted((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
        .map(({ topic, partition, offset }) =>
          [...(named ? [field(group)] : []), field(topic), String(partition), String(offset)].join(','),
        ),
    )
  return { text: lines.map((line) => `${line}\n`).join(''), rows: lines.length, unreadable }
}

/** The tool's reader takes blanks at the ends of a bare field for part of it; others do not. */
function field(text: string): string {
  return /^[A-Za-z0-9._/:@-]+$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`
}
