import { TidemarkError } from '../../base/index.ts'

/** A row of the file that `kafka-consumer-groups --export` writes. */
export interface KafkaCsvRow {
  /** Undefined where the file is of one group, and does not say which. */
  readonly group: string | undefined
  readonly topic: string
  readonly partition: number
  /** Below 0 = none. */
  readonly offset: bigint
}

/**
 * Reads `topic,partition,offset` (the tool was asked for one group) or `group,topic,partition,offset`: no header, fields with
 * commas, quotes or ends of lines in them in double quotes. Throws FILE_NOT_READABLE naming the line.
 */
export function readKafkaCsv(text: string, name: string): readonly KafkaCsvRow[] {
  const rows = records(text, name).filter(({ fields }) => fields.length > 1 || fields[0] !== '')
  const columns = rows[0]?.fields.length
  return rows.map(({ fields, line }) => {
    const wrong = (expected: string) =>
      new TidemarkError(
        'FILE_NOT_READABLE',
        `${name}, line ${line}: expected ${expected}, got ${JSON.stringify(fields.join(','))}`,
        {
          hint: 'Rows are topic,partition,offset or group,topic,partition,offset, as kafka-consumer-groups --export writes them.',
        },
      )
    if (fields.length !== columns || (columns !== 3 && columns !== 4)) {
      throw wrong(columns === 3 || columns === 4 ? `${columns} fields, as in the first row` : '3 or 4 fields')
    }
    const [topic = '', partition = '', offset = ''] = fields.slice(-3)
    if (!/^\d{1,10}$/.test(partition) || Number(partition) > 0x7fffffff) throw wrong('a partition')
    if (!/^-?\d{1,19}$/.test(offset) || BigInt(offset) >= 2n ** 63n) throw wrong('an offset')
    if (!/^[\w.-]{1,249}$/.test(topic)) throw wrong('a topic name')
    return {
      group: columns === 4 ? (fields[0] ?? '') : undefined,
      topic,
      partition: Number(partition),
      offset: BigInt(offset),
    }
  })
}

interface CsvRecord {
  readonly fields: readonly string[]
  /** From 1 on. */
  readonly line: number
}

function records(text: string, name: string): readonly CsvRecord[] {
  const found: CsvRecord[] = []
  // Each field with what ends it; a quoted one may hold anything, its quotes doubled.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y
  const body = text.startsWith('\ufeff') ? text.slice(1) : text
  let fields: string[] = []
  let line = 1
  let begun = 1
  while (field.lastIndex < body.length || fields.length > 0) {
    const match = field.exec(body)
    if (match === null) {
      throw new TidemarkError('FILE_NOT_READABLE', `${name}, line ${line}: a quote is out of place`)
    }
    const [whole, quoted, plain = '', end = ''] = match
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0
    if (end === ',') continue
    found.push({ fields, line: begun })
    fields = []
    begun = line
    if (end === '') break
  }
  return found
}
