import { setTimeout as delay } from 'node:timers/promises'
import type { JavaClient } from './java-client.ts'

/** A partition as the cluster describes it; leader −1 = none. */
export interface DescribedPartition {
  readonly partition: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  readonly start: bigint
  readonly end: bigint
}

export interface GroupPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly metadata: string
}

/** A group as its coordinator describes it. */
export interface DescribedGroup {
  readonly type: string
  readonly state: string
  readonly members: number
  /** Broker id. */
  readonly coordinator: number
}

/** What Kafka's own admin client does to a cluster, in the JVM of a {@link JavaClient}. */
export class JavaAdmin {
  readonly #java: JavaClient
  readonly #bootstrap: string

  constructor(java: JavaClient, bootstrap: string) {
    this.#java = java
    this.#bootstrap = bootstrap
  }

  /** `layout`: how many partitions, or the replicas of each, leader first. */
  async createTopic(
    topic: string,
    layout: number | readonly (readonly number[])[],
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const text =
      typeof layout === 'number' ? String(layout) : layout.map((ids) => `${ids.join(',')};`).join('')
    await this.#java.ask('create', this.#bootstrap, topic, text, ...pairs(configs))
    // Until every broker knows it: creation is answered by the controller.
    for (;;) {
      const described = await this.partitions(topic).catch(() => [])
      if (described.length > 0 && described.every(({ leader }) => leader >= 0)) return
      await delay(50)
    }
  }

  /** Names of all topics that are not internal, sorted. */
  async topics(): Promise<string[]> {
    return (await this.#java.ask('topics', this.#bootstrap)).map(([name = '']) => name)
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#java.ask('delete', this.#bootstrap, topic)
  }

  /** Adds partitions up to so many. */
  async grow(topic: string, partitions: number): Promise<void> {
    await this.#java.ask('grow', this.#bootstrap, topic, String(partitions))
  }

  /** Sets topic configs; an empty value removes one. */
  async configure(topic: string, configs: Readonly<Record<string, string>>): Promise<void> {
    await this.#java.ask('configure', this.#bootstrap, topic, ...pairs(configs))
  }

  async deleteRecords(topic: string, partition: number, before: bigint): Promise<void> {
    await this.#java.ask('delete-records', this.#bootstrap, topic, String(partition), String(before))
  }

  async partitions(topic: string): Promise<DescribedPartition[]> {
    const rows = await this.#java.ask('partitions', this.#bootstrap, topic)
    return rows.map(([partition = '', leader = '', replicas = '', inSync = '', start = '', end = '']) => ({
      partition: Number(partition),
      leader: Number(leader),
      replicas: ids(replicas),
      inSync: ids(inSync),
      start: BigInt(start),
      end: BigInt(end),
    }))
  }

  async positions(group: string): Promise<GroupPosition[]> {
    const rows = await this.#java.ask('positions', this.#bootstrap, group)
    return rows.map(([topic = '', partition = '', offset = '', metadata = '']) => ({
      topic,
      partition: Number(partition),
      offset: BigInt(offset),
      metadata,
    }))
  }

  async group(group: string): Promise<DescribedGroup> {
    const [row = []] = await this.#java.ask('group', this.#bootstrap, group)
    const [type = '', state = '', members = '', coordinator = ''] = row
    return { type, state, members: Number(members), coordinator: Number(coordinator) }
  }

  async commit(
    group: string,
    topic: string,
    partition: number,
    offset: bigint,
    metadata = '',
  ): Promise<void> {
    await this.#java.commitOffset(this.#bootstrap, group, topic, partition, offset, metadata)
  }

  /** Start offsets of a share group. */
  async startOffsets(group: string): Promise<Omit<GroupPosition, 'metadata'>[]> {
    const rows = await this.#java.ask('share-offsets', this.#bootstrap, group)
    return rows.map(([topic = '', partition = '', offset = '']) => ({
      topic,
      partition: Number(partition),
      offset: BigInt(offset),
    }))
  }

  async setStartOffset(group: string, topic: string, partition: number, offset: bigint): Promise<void> {
    await this.#java.ask('share-alter', this.#bootstrap, group, topic, String(partition), String(offset))
  }

  /** Reads so many records as a consumer of a share group, and acknowledges them: the partitions and offsets seen. */
  async readShared(group: string, topic: string, count: number): Promise<(readonly [number, bigint])[]> {
    const rows = await this.#java.ask('share-read', this.#bootstrap, group, topic, String(count))
    return rows.map(([partition = '', offset = '']) => [Number(partition), BigInt(offset)] as const)
  }

  async elect(topic: string, partition: number, type: 'PREFERRED' | 'UNCLEAN'): Promise<void> {
    await this.#java.ask('elect', this.#bootstrap, topic, String(partition), type)
  }

  /** Asks for other replicas; the first is the preferred leader. Under way when it resolves. */
  async reassign(topic: string, partition: number, replicas: readonly number[]): Promise<void> {
    await this.#java.ask('reassign', this.#bootstrap, topic, String(partition), replicas.join(','))
  }

  /** Quota of every client, in bytes a second: `consumer_byte_rate`, `producer_byte_rate`; undefined removes it. */
  async quota(quotas: Readonly<Record<string, number | undefined>>): Promise<void> {
    const changes = Object.entries(quotas).map(([name, value]) => `${name}=${value ?? ''}`)
    await this.#java.ask('quota', this.#bootstrap, ...changes)
  }

  /** A live member of a group, which reads the topic and commits nothing. Left when disposed. */
  async join(group: string, topic: string, member: string, protocol = 'classic'): Promise<AsyncDisposable> {
    await this.#java.ask('join', member, this.#bootstrap, group, topic, protocol)
    return {
      [Symbol.asyncDispose]: async () => {
        await this.#java.ask('leave', member)
      },
    }
  }
}

function pairs(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`)
}

function ids(text: string): number[] {
  return text === '' ? [] : text.split(',').map(Number)
}
