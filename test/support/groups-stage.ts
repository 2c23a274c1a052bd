import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import type { ClusterSetup } from './brokers.ts'
import { Stage } from './e2e-stage.ts'
import type { JavaAdmin } from './java-admin.ts'

/** One broker for the commands about groups. What groups have is read and written by Kafka's own client. */
export class GroupsStage implements AsyncDisposable {
  readonly stage: Stage
  readonly cluster: Cluster

  private constructor(stage: Stage, cluster: Cluster) {
    this.stage = stage
    this.cluster = cluster
  }

  static async open(setup: ClusterSetup = {}): Promise<GroupsStage> {
    const stage = await Stage.open(setup)
    return new GroupsStage(stage, await connectCluster({ bootstrap: [stage.source.cluster.bootstrap] }))
  }

  get admin(): JavaAdmin {
    return this.stage.source.admin
  }

  get bootstrap(): string {
    return this.stage.source.cluster.bootstrap
  }

  /** The flags that name the broker. */
  get server(): readonly string[] {
    return ['--bootstrap-servers', this.bootstrap]
  }

  file(name: string): string {
    return join(this.stage.folder, name)
  }

  /** A topic of its own with 100 records in each of its partitions, a second from one to the next. */
  async topic(name: string, partitions: number): Promise<void> {
    await this.admin.createTopic(name, partitions)
    const producer = await this.stage.java.producer({ 'bootstrap.servers': this.bootstrap })
    const start = Date.now() - 1_000_000
    for (let i = 0; i < 100; i++) {
      for (let partition = 0; partition < partitions; partition++) {
        producer.send({ topic: name, partition, timestamp: BigInt(start + i * 1000), value: `${i}` })
      }
    }
    await producer.flush()
    await producer.close()
  }

  /** Every position of a group, offset and metadata. */
  async held(group: string): Promise<Readonly<Record<string, string>>> {
    const found = (await this.admin.positions(group)).map(
      ({ topic, partition, offset, metadata }): [string, string] => [
        `${topic}/${partition}`,
        `${offset} ${metadata}`.trim(),
      ],
    )
    return Object.fromEntries(found.sort())
  }

  /** Start offsets of a share group. */
  async starts(group: string): Promise<Readonly<Record<string, bigint>>> {
    const found = (await this.admin.startOffsets(group)).map(
      ({ topic, partition, offset }): [string, bigint] => [`${topic}/${partition}`, offset],
    )
    return Object.fromEntries(found.sort())
  }

  async exists(group: string): Promise<boolean> {
    return (await this.cluster.listGroups()).some((one) => one.group === group)
  }

  /** How many members a group of any type has. */
  async members(group: string): Promise<number> {
    const listed = (await this.cluster.listGroups()).filter((one) => one.group === group)
    const { done } = await this.cluster.describeGroups(listed)
    return done[0]?.members.length ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
    await this.stage[Symbol.asyncDispose]()
  }
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(100)
}
