/** What a group would read next in one partition, as Kafka's own consumer saw it. */
export interface NextRecord {
  readonly group: string
  readonly topic: string
  readonly partition: string
  readonly position: string
  readonly record: string
}

/** Reads the lines of `Shop next`. */
export function parseNextRecords(lines: readonly string[]): NextRecord[] {
  return lines.map((line) => {
    const [group = '', topic = '', partition = '', position = '', ...record] = line.split('\t')
    return { group, topic, partition, position, record: record.join('\t') }
  })
}

/** A table with both positions and the record that is next on both sides; and whether all agree. */
export function compareNextRecords(
  source: readonly NextRecord[],
  target: readonly NextRecord[],
): { readonly lines: readonly string[]; readonly same: number; readonly different: number } {
  const key = (next: NextRecord) => `${next.group}\t${next.topic}\t${next.partition}`
  const found = new Map(target.map((next) => [key(next), next]))
  const rows = source.map((next) => {
    const other = found.get(key(next))
    return { next, other, same: other?.record === next.record }
  })
  const different = rows.filter((row) => !row.same).length
  const lines = rows.map(({ next, other, same }) =>
    [
      same ? '=' : '≠',
      next.group.padEnd(12),
      `${next.topic}-${next.partition}`.padEnd(12),
      next.position.padStart(7),
      (other?.position ?? '-').padStart(7),
      ` ${short(next.record)}${same ? '' : `  ≠  ${short(other?.record ?? 'no position')}`}`,
    ].join(' '),
  )
  const heading = `  ${'group'.padEnd(12)} ${'partition'.padEnd(12)} ${'source'.padStart(7)} ${'target'.padStart(7)}  next record`
  return { lines: [heading, ...lines], same: rows.length - different, different }
}

function short(record: string): string {
  return record.length > 58 ? `${record.slice(0, 57)}…` : record
}
