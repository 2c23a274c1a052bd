import assert from 'node:assert/strict'
import { type BackupJob, type BackupReport, runBackup } from '../../src/backup/index.ts'
import { type RestoreJob, type RestoreReport, runRestore } from '../../src/restore/index.ts'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { startCluster, type TestCluster } from './brokers.ts'
import { JavaAdmin } from './java-admin.ts'
import { type JavaClient, type SeenRecord, startJavaClient, type WrittenRecord } from './java-client.ts'
import { backupJob, jobContext, restoreJob } from './jobs.ts'
import type { KafkaVersion } from './kafka-jars.ts'
import { kafkaTool } from './kafka-tools.ts'
import { type TempFolder, tempFolder } from './temp-folder.ts'
import { topicSettings } from './topic-settings.ts'

/** Two clusters, an archive, and Kafka's own client to write to the one and read from the other. */
export class RestoreLab implements AsyncDisposable {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly java: JavaClient
  readonly folder: TempFolder
  readonly store: ObjectStore

  private constructor(parts: {
    readonly source: TestCluster
    readonly target: TestCluster
    readonly java: JavaClient
    readonly folder: TempFolder
    readonly store: ObjectStore
  }) {
    this.source = parts.source
    this.target = parts.target
    this.java = parts.java
    this.folder = parts.folder
    this.store = parts.store
  }

  static async open(
    options: {
      readonly sourceVersion?: KafkaVersion
      readonly targetVersion?: KafkaVersion
      readonly targetProperties?: Readonly<Record<string, string>>
    } = {},
  ): Promise<RestoreLab> {
    const { sourceVersion: from, targetVersion: to, targetProperties: properties } = options
    const [source, target, java, folder] = await Promise.all([
      startCluster(from ? { version: from } : {}),
      startCluster({ ...(to && { version: to }), ...(properties && { properties }) }),
      startJavaClient(),
      tempFolder('restore'),
    ])
    return new RestoreLab({ source, target, java, folder, store: await openStore(folder.path) })
  }

  async createTopic(
    topic: string,
    partitions: number,
    configs: Readonly<Record<string, string>> = {},
    cluster: TestCluster = this.source,
  ): Promise<string> {
    await new JavaAdmin(this.java, cluster.bootstrap).createTopic(topic, partitions, configs)
    return topic
  }

  /** Writes with Kafka's own producer. */
  async write(
    records: Iterable<WrittenRecord>,
    settings: Readonly<Record<string, string>> = {},
    cluster: TestCluster = this.source,
  ): Promise<void> {
    const producer = await this.java.producer({ 'bootstrap.servers': cluster.bootstrap, ...settings })
    for (const record of records) producer.send(record)
    await producer.flush()
    await producer.close()
  }

  async backup(backupId: string, options: Partial<BackupJob> = {}): Promise<BackupReport> {
    return await runBackup(backupJob(backupId, this.source.bootstrap, options), jobContext(this.store))
  }

  async restore(backupId: string, options: Partial<RestoreJob> = {}): Promise<RestoreReport> {
    return await runRestore(this.job(backupId, options), jobContext(this.store))
  }

  job(backupId: string, options: Partial<RestoreJob> = {}): RestoreJob {
    return restoreJob(backupId, this.target.bootstrap, options)
  }

  /** What a consumer of the source reads. */
  async there(topic: string, partition = 0): Promise<SeenRecord[]> {
    return await this.java.read(this.source.bootstrap, topic, partition)
  }

  /** What a consumer of the target reads. */
  async here(topic: string, partition = 0): Promise<SeenRecord[]> {
    return await this.java.read(this.target.bootstrap, topic, partition)
  }

  /** Holds what a consumer reads on the target against what it reads on the source. */
  async assertSame(topic: string, partitions: number, restored = topic): Promise<SeenRecord[]> {
    const all: SeenRecord[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const here = await this.here(restored, partition)
      assert.deepEqual(here.map(content), (await this.there(topic, partition)).map(content))
      all.push(...here)
    }
    assert.ok(all.length > 0, 'there was something to compare')
    return all
  }

  /** Settings of a target topic, inherited ones too. */
  async configs(topic: string): Promise<Map<string, string>> {
    return await topicSettings(this.target.bootstrap, topic)
  }

  /** A group's position on the target, as Kafka's own tool tells it; undefined for none. */
  async position(group: string, topic: string, partition: number): Promise<bigint | undefined> {
    const text = await kafkaTool('groups', [
      ...['--bootstrap-server', this.target.bootstrap, '--describe', '--offsets', '--group', group],
    ])
    for (const line of text.split('\n')) {
      const [name, ofTopic, ofPartition, offset] = line.trim().split(/\s+/)
      if (name === group && ofTopic === topic && ofPartition === String(partition) && offset !== '-') {
        return BigInt(offset ?? 0)
      }
    }
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.java[Symbol.asyncDispose]()
    await this.source[Symbol.asyncDispose]()
    await this.target[Symbol.asyncDispose]()
    await this.store[Symbol.asyncDispose]()
    await this.folder[Symbol.asyncDispose]()
  }
}

/** What of a record a restore keeps. */
export function content({ timestamp, key, value, headers }: SeenRecord): unknown {
  return { timestamp, key, value, headers }
}

/** 0 … count − 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
