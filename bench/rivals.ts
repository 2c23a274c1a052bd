import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, kafkaJars } from '../test/support/kafka-jars.ts'

const run = promisify(execFile)

/** Builds the small program around the Rust crate (once), and answers where it is. Needs cargo. */
export async function crate(): Promise<string> {
  const target = process.env.TIDEMARK_RIVAL_TARGET ?? join(cacheFolder(), 'rival')
  const manifest = new URL('./rivals/kafka-backup-core/Cargo.toml', import.meta.url).pathname
  await run('cargo', ['build', '--release', '--quiet', '--manifest-path', manifest, '--target-dir', target], {
    maxBuffer: 1 << 26,
  })
  return join(target, 'release', 'rival')
}

/** Command line of Kafka's own consumer benchmark over a whole topic. */
export async function consumerPerformance(
  bootstrap: string,
  topic: string,
  records: number,
): Promise<string[]> {
  const jars = await kafkaJars('4.2.0')
  return [
    ...['java', '-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${jars}/*`],
    'org.apache.kafka.tools.ConsumerPerformance',
    ...[
      '--bootstrap-server',
      bootstrap,
      '--topic',
      topic,
      '--num-records',
      String(records),
      '--timeout',
      '60000',
    ],
  ]
}

/** MB/s that the consumer benchmark measured of itself, start-up of the JVM left out. */
export function consumerRate(output: string): number {
  const row = output
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .find((cells) => cells.length >= 6 && /^\d{4}-/.test(cells[0] ?? ''))
  const rate = Number(row?.[3])
  if (!Number.isFinite(rate)) throw new Error(`No rate in the output of the consumer benchmark:\n${output}`)
  return rate * 1.048576
}
