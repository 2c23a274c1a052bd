import type { BackupReader, ChunkRef, TopicIndex } from '../../archive/index.ts'
import { Budget, nameFilter, parseNamePattern, TidemarkError } from '../../base/index.ts'
import type { RestoreJob, RestoreNotice, TimeWindow } from '../job.ts'
import type { SourcePartition, SourceTopic } from './plan-types.ts'

/** Topics that belong to the brokers: writing to them by hand would damage the cluster. */
const brokersOwn = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
])

/** Indexes read at the same time. */
const READS_AT_ONCE = 32

export interface SelectedTopics {
  readonly topics: readonly SourceTopic[]
  readonly notices: readonly RestoreNotice[]
}

/**
 * The topics and partitions of the archive that the job asks for. Rejects with TOPIC_NOT_FOUND when a topic named exactly, or
 * every topic, is missing.
 */
export async function selectSources(reader: BackupReader, job: RestoreJob): Promise<SelectedTopics> {
  const { topics: all } = await reader.summary()
  const notices: RestoreNotice[] = []
  const current = all.filter((summary) => !summary.superseded).map((summary) => summary.topic)
  const literal = job.include.map(parseNamePattern).filter((pattern) => pattern.literal)
  const missing = literal.find((pattern) => !current.includes(pattern.text))
  if (missing) {
    throw new TidemarkError('TOPIC_NOT_FOUND', `The backup ${job.backupId} holds no topic ${missing.text}`, {
      hint: 'kafka-backup describe lists the topics of a backup.',
      details: { topic: missing.text },
    })
  }
  const chosen = current.filter(nameFilter(job.include, job.exclude)).sort()
  if (chosen.length === 0) {
    throw new TidemarkError('TOPIC_NOT_FOUND', `No topic of the backup ${job.backupId} matches`, {
      hint: 'kafka-backup describe lists the topics of a backup.',
    })
  }
  const wanted: string[] = []
  for (const topic of chosen) {
    if (brokersOwn.has(topic)) {
      notices.push({
        code: 'topic-of-brokers',
        message: `${topic} belongs to the brokers and is not restored`,
        topic,
      })
      continue
    }
    if (all.some((summary) => summary.superseded && summary.topic === topic)) {
      const message = `${topic} was deleted and created again at the source: the newest generation is restored`
      notices.push({ code: 'older-generation', message, topic })
    }
    wanted.push(topic)
  }
  const places = new Budget(READS_AT_ONCE)
  const topics = await Promise.all(
    wanted.map((topic) => places.with(1, async () => sourceTopic(await reader.topic(topic), job))),
  )
  return { topics, notices }
}

function sourceTopic(index: TopicIndex, job: RestoreJob): SourceTopic {
  const wanted = job.sourcePartitions && new Set(job.sourcePartitions)
  const known = new Set(index.partitions.keys())
  for (let p = 0; p < (index.description?.partitions ?? 0); p++) known.add(p)
  const partitions: SourcePartition[] = []
  for (const partition of [...known].sort((a, b) => a - b)) {
    if (wanted && !wanted.has(partition)) continue
    const held = index.partitions.get(partition)
    let records = 0
    let bytes = 0
    let chunks = 0
    let largestBatch = 0
    for (const { chunk } of held ? chunksInWindow(held.chunks, job.window) : []) {
      records += chunk.records
      bytes += chunk.rawLength
      chunks++
      largestBatch = Math.max(largestBatch, chunk.largestBatch)
    }
    partitions.push({
      partition,
      records,
      bytes,
      chunks,
      largestBatch,
      from: held?.covered[0]?.from ?? 0n,
      next: held?.next ?? 0n,
      endOffset: larger(held?.endOffset ?? 0n, held?.next ?? 0n),
    })
  }
  return { topic: index.topic, topicId: index.topicId, description: index.description, partitions }
}

/**
 * The chunks that have to be read: those without data, and by record time those whose latest record is too early, are left
 * out. Records that belong to a transaction are judged by its end, so their times say nothing.
 */
export function* chunksInWindow(
  chunks: Iterable<ChunkRef>,
  window: TimeWindow | undefined,
): Generator<ChunkRef> {
  const start = window?.mode === 'record' ? window.start : undefined
  for (const ref of chunks) {
    const { records, maxTimestamp } = ref.chunk
    if (records > 0 && (start === undefined || maxTimestamp >= start)) yield ref
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
