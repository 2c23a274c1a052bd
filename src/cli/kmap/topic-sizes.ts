import { nameFilter } from '../../base/index.ts'
import type { Cluster, ReplicaSize } from '../../kafka/index.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { lineOfError } from '../render/error-text.ts'
import { bytesText, countText, timeText } from '../render/quantities.ts'
import { printable, tableLines } from '../render/table.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import { connect } from './connection.ts'
import type { Flags } from './parse-flags.ts'

interface TopicSize {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  /** Bytes of all replicas. */
  readonly bytes: bigint
}

/** `-topic-sizes`: what topics take on the disks of the brokers, largest first. */
export async function showTopicSizes(flags: Flags, session: Session): Promise<void> {
  const patterns = splitPatterns(flags.texts('topic-list'), '-topic-list')
  const wanted = nameFilter(patterns)
  await using cluster = await connect(flags, session)
  const { replicaSizes } = await import('../../kafka/index.ts')
  const { done, failed } = await replicaSizes(cluster, { signal: session.signal })
  for (const { item, error } of failed) {
    session.log('error', `The sizes on broker ${item} are missing: ${lineOfError(error)}`)
  }
  if (failed.length > 0) session.status = done.length === 0 ? 1 : 3
  const sizes = sizesByTopic(done.filter(({ topic }) => wanted(topic)))
  await missing(patterns, sizes, cluster, session)
  session.out.write(sizesText(sizes, cluster, session.clock.now()))
  const file = flags.text('topic-sizes-output')
  if (!file) return
  const { jsonText } = await import('../render/machine-formats.ts')
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0n)
  await writeTextFile(file, [
    jsonText({
      timestamp: timeText(session.clock.now()),
      cluster: cluster.options.bootstrap.join(','),
      topics: sizes.map(({ topic, partitions, replicas, bytes }) => ({
        topic,
        partitions,
        replicas,
        total_size: bytes,
        size_human: bytesText(Number(bytes)),
      })),
      total_topics: sizes.length,
      total_size: total,
      missing_brokers: failed.map(({ item }) => item),
    }),
  ])
  session.out.line(`${file}: the sizes as JSON`)
}

/** A topic named by its name that no broker holds. */
async function missing(
  patterns: readonly string[],
  sizes: readonly TopicSize[],
  cluster: Cluster,
  session: Session,
): Promise<void> {
  const { parseNamePattern } = await import('../../base/index.ts')
  const known = new Set(sizes.map(({ topic }) => topic))
  for (const name of patterns) {
    if (!parseNamePattern(name).literal || known.has(name)) continue
    session.log('error', `Topic ${printable(name)} is not on ${cluster.options.bootstrap.join(',')}`)
    session.status = 3
  }
}

function sizesByTopic(replicas: readonly ReplicaSize[]): readonly TopicSize[] {
  return [...Map.groupBy(replicas, ({ topic }) => topic)]
    .map(([topic, held]) => ({
      topic,
      partitions: new Set(held.map(({ partition }) => partition)).size,
      replicas: held.length,
      bytes: held.reduce((sum, { bytes }) => sum + bytes, 0n),
    }))
    .sort((a, b) => (a.bytes === b.bytes ? (a.topic < b.topic ? -1 : 1) : a.bytes > b.bytes ? -1 : 1))
}

function sizesText(sizes: readonly TopicSize[], cluster: Cluster, now: number): string {
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0n)
  const lines = [
    'Kafka Topic Sizes Report',
    `Generated: ${timeText(now)}`,
    `Cluster: ${cluster.options.bootstrap.join(',')}`,
    '',
    ...tableLines(
      [
        { title: 'TOPIC' },
        { title: 'PARTITIONS', numeric: true },
        { title: 'REPLICAS', numeric: true },
        { title: 'TOTAL SIZE', numeric: true },
        { title: 'SIZE (BYTES)', numeric: true },
      ],
      sizes.map(({ topic, partitions, replicas, bytes }) => [
        topic,
        countText(partitions),
        countText(replicas),
        bytesText(Number(bytes)),
        countText(bytes),
      ]),
    ),
    '',
    `Total Topics: ${countText(sizes.length)}`,
    `Total Size: ${bytesText(Number(total))} (${countText(total)} bytes, all replicas)`,
  ]
  return `${lines.join('\n')}\n`
}
