import { noTelemetry, systemClock, type Telemetry } from '../../src/base/index.ts'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import type { Run } from '../../src/offsets/index.ts'
import {
  encodeMapEntry,
  encodeMapKey,
  type MapEntry,
  runSync,
  type SyncContext,
  type SyncJob,
  type SyncReport,
} from '../../src/replicate/index.ts'
import { RecordWriter } from '../../src/replicate/sync/record-writer.ts'
import { type ClusterSetup, startCluster, type TestCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { type JavaClient, startJavaClient } from './java-client.ts'

export const mapTopic = '__k2k_offset_mappings'
export const controlTopic = '__k2k_consumer-offsets'

/** What a map entry says, apart from what follows from the topic. */
export interface MappedPart {
  readonly topic: string
  readonly partition?: number
  /** @default the same as `topic` */
  readonly targetTopic?: string
  readonly pipeline?: string
  readonly from?: bigint
  readonly to: bigint
  readonly start?: bigint
  readonly copyStart?: bigint
  /** @default after the last run, or `copyStart` */
  readonly end?: bigint
  readonly runs: readonly Run[]
  readonly revision?: number
  readonly branch?: number
  readonly topicId?: string
  /** Ms since the epoch. @default now */
  readonly written?: number
}

/** Two real clusters with a resident Java client, topics for map and control, and hands to write maps with. */
export interface SyncLab extends AsyncDisposable {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly java: JavaClient
  readonly sourceAdmin: JavaAdmin
  readonly targetAdmin: JavaAdmin
  readonly sourceCluster: Cluster
  readonly targetCluster: Cluster
  readonly job: SyncJob
  /** Publishes an entry of the offset map, as the replication does. */
  map(part: MappedPart): Promise<void>
  /** One round of the sync. */
  sync(changes?: Partial<SyncJob>, context?: Partial<SyncContext>): Promise<SyncReport>
  /** Values `0`, `1`, … to a topic, keys the same; `skip` of them come from somebody else before. */
  fill(side: 'source' | 'target', topic: string, values: readonly string[], partition?: number): Promise<void>
}

export async function startSyncLab(
  setup: { readonly source?: ClusterSetup; readonly target?: ClusterSetup } = {},
): Promise<SyncLab> {
  const [from, to, java] = await Promise.all([
    startCluster(setup.source),
    startCluster(setup.target),
    startJavaClient(),
  ])
  const sourceAdmin = new JavaAdmin(java, from.bootstrap)
  const targetAdmin = new JavaAdmin(java, to.bootstrap)
  const options = (cluster: TestCluster) => ({ bootstrap: [cluster.bootstrap] })
  const [sourceCluster, targetCluster] = await Promise.all([
    connectCluster(options(from)),
    connectCluster(options(to)),
  ])
  await targetAdmin.createTopic(mapTopic, 2)
  await targetAdmin.createTopic(controlTopic, 2, { 'cleanup.policy': 'compact' })
  const maps = new RecordWriter(targetCluster, mapTopic)
  const producers = {
    source: await java.producer({ 'bootstrap.servers': from.bootstrap }),
    target: await java.producer({ 'bootstrap.servers': to.bootstrap }),
  }
  const revisions = new Map<string, number>()
  const job: SyncJob = {
    name: 'dr',
    source: options(from),
    target: options(to),
    workerId: undefined,
    sessionTimeout: 10_000,
    pollInterval: 100,
    groups: ['~.*'],
    guardPrefix: 'k2k_',
    guarded: true,
    followRewinds: false,
    overrideOwn: false,
    mapTopic: { name: mapTopic, create: undefined },
    mapKeeping: { time: 'topic', count: 1000, schedule: 300_000 },
    controlTopic: { name: controlTopic, create: undefined },
    loadTimeout: 30_000,
    validateTopics: true,
    creationChecks: { attempts: 10, delay: 100 },
    onMultipleMappings: 'fail',
    onActiveGroup: 'fail',
    mm2Alias: undefined,
  }
  return {
    source: from,
    target: to,
    java,
    sourceAdmin,
    targetAdmin,
    sourceCluster,
    targetCluster,
    job,
    async map(part) {
      const { topic, partition = 0, runs, to: end } = part
      const pipeline = part.pipeline ?? 'dr'
      const line = `${pipeline} ${topic}/${partition}`
      const revision = part.revision ?? (revisions.get(line) ?? 0) + 1
      revisions.set(line, revision)
      const last = runs.at(-1)
      const copyStart = part.copyStart ?? 0n
      const entry: MapEntry = {
        pipeline,
        topicId: part.topicId,
        targetTopic: part.targetTopic ?? topic,
        start: part.start ?? 0n,
        from: part.from ?? 0n,
        to: end,
        branch: part.branch ?? 0,
        revision,
        written: part.written ?? Date.now(),
        targets: [
          {
            partition,
            copyStart,
            end: part.end ?? (last ? last.target + BigInt(last.count) : copyStart),
            runs,
          },
        ],
        events: [],
      }
      const key = encodeMapKey({ cluster: from.clusterId, topic, partition })
      await maps.write([{ key, value: encodeMapEntry(entry) }])
    },
    sync: async (changes = {}, context = {}) =>
      await runSync(
        { ...job, ...changes },
        {
          signal: AbortSignal.timeout(120_000),
          telemetry: noTelemetry,
          clock: systemClock,
          once: true,
          ...context,
        },
      ),
    async fill(side, topic, values, partition = 0) {
      producers[side].send(...values.map((value) => ({ topic, partition, key: value, value })))
      await producers[side].flush()
    },
    async [Symbol.asyncDispose]() {
      await maps[Symbol.asyncDispose]()
      await Promise.all([sourceCluster[Symbol.asyncDispose](), targetCluster[Symbol.asyncDispose]()])
      await Promise.all([from[Symbol.asyncDispose](), to[Symbol.asyncDispose](), java[Symbol.asyncDispose]()])
    },
  }
}

/** Telemetry that keeps what came. */
export function keptTelemetry(): Telemetry & {
  readonly lines: string[]
  readonly counts: Map<string, number>
} {
  const lines: string[] = []
  const counts = new Map<string, number>()
  return {
    lines,
    counts,
    log: (level, message, fields) => lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`),
    count: (name, by, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ')
      counts.set(key, (counts.get(key) ?? 0) + by)
    },
    gauge: () => {},
  }
}

/** `0` … `count − 1` with a prefix. */
export function numbered(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
}
