import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { kafkaJars } from '../../test/support/kafka-jars.ts'

const program = new URL('../CountRecords.java', import.meta.url).pathname

export interface Counted {
  readonly records: number
  /** Different numbers among their keys. */
  readonly different: number
}

/** What Kafka's own consumer reads of a topic, committed records only. */
export async function countRecords(bootstrap: string, topic: string): Promise<Counted> {
  const jars = await kafkaJars('4.2.0')
  const { stdout } = await promisify(execFile)('java', [
    ...['-Xmx512m', '-cp', `${jars}/*`, program, bootstrap, topic],
  ])
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number))
  const total = (column: number) => rows.reduce((sum, row) => sum + (row[column] ?? Number.NaN), 0)
  return { records: total(1), different: total(2) }
}
