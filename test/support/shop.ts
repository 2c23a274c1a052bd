import type { Stage } from './e2e-stage.ts'
import type { GroupStand, RestoredTopic } from './restored.ts'

/** A topic of the source with what Kafka's own client reads of it. */
export type ShopTopic = Omit<RestoredTopic, 'target'>

/** What the source holds, and where its groups stand. */
export interface Shop {
  readonly topics: readonly ShopTopic[]
  readonly groups: Readonly<Record<string, GroupStand>>
}

interface ShopOptions {
  /** Records of each of the two partitions of `plain`. */
  readonly perPartition: number
  /** Of the first records. @default now */
  readonly timestamp?: bigint | undefined
}

/** Plain records in two partitions; transactions, committed and aborted, among records without any; positions in all of it. */
export async function openShop(stage: Stage, { perPartition, timestamp }: ShopOptions): Promise<Shop> {
  const { admin, cluster } = stage.source
  const configs = { 'retention.ms': '-1', 'message.timestamp.before.max.ms': '9223372036854775807' }
  await admin.createTopic('plain', 2, configs)
  await admin.createTopic('mixed', 1, configs)
  await admin.createTopic('empty', 1, configs)
  const settings = { 'bootstrap.servers': cluster.bootstrap }
  const plain = await stage.java.producer({ ...settings, 'linger.ms': '5' })
  await plain.fill({ topic: 'plain', partitions: 2, count: perPartition, timestamp, size: 400 })
  const a = await stage.java.producer({ ...settings, 'transactional.id': 'a', 'compression.type': 'lz4' })
  const b = await stage.java.producer({ ...settings, 'transactional.id': 'b', 'linger.ms': '0' })
  for (let i = 0; i < 60; i++) {
    const filling = { topic: 'mixed', partitions: 1, timestamp, size: 100 }
    await Promise.all([a.begin(), b.begin()])
    await a.fill({ ...filling, first: i * 1000, count: 20 })
    await b.fill({ ...filling, first: i * 1000 + 100, count: 3 })
    await plain.fill({ ...filling, first: i * 1000 + 200, count: 2 })
    await a.fill({ ...filling, first: i * 1000 + 300, count: 5 })
    await (i % 3 === 0 ? a.abort() : a.commit())
    await (i % 4 === 0 ? b.abort() : b.commit())
  }
  await Promise.all([plain.close(), a.close(), b.close()])
  const topics = await shopTopics(stage)
  const end = topics[1]?.ends[0] ?? 0n
  const groups: Record<string, GroupStand> = {
    billing: {
      plain: { 0: BigInt(perPartition) / 6n, 1: (BigInt(perPartition) * 5n) / 8n },
      mixed: { 0: 700n },
    },
    'at the end': { plain: { 0: BigInt(perPartition), 1: BigInt(perPartition) }, mixed: { 0: end } },
    'at the start': { plain: { 0: 0n }, mixed: { 0: 0n }, empty: { 0: 0n } },
  }
  // Wherever they fall: on records of either kind, on markers, among aborted ones.
  for (let i = 1; i < 12; i++) groups[`mixed-${i}`] = { mixed: { 0: (end * BigInt(i)) / 12n } }
  for (const [group, stand] of Object.entries(groups)) await commitStand(stage, group, stand)
  return { topics, groups }
}

/** Its topics as they are now. */
export async function shopTopics(stage: Stage): Promise<ShopTopic[]> {
  const topics = []
  for (const source of ['plain', 'mixed', 'empty']) {
    const ends = (await stage.source.admin.partitions(source)).map(({ end }) => end)
    topics.push({ source, records: await stage.read(stage.source, source), ends })
  }
  return topics
}

/** Puts a group of the source where it is to stand. */
export async function commitStand(stage: Stage, group: string, stand: GroupStand): Promise<void> {
  for (const [topic, offsets] of Object.entries(stand)) {
    for (const [partition, offset] of Object.entries(offsets)) {
      await stage.source.admin.commit(group, topic, Number(partition), offset)
    }
  }
}
