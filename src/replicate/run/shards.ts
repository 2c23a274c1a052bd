import type { ShardRunner } from '../copy/shard-runner.ts'
import type { PartitionStatus } from '../status.ts'
import type { SelectedTopic } from '../topics/select-topics.ts'
import { shardOf } from '../workers/shards.ts'

/** The shards that a worker has now, and those that it is letting go of. */
export class Shards {
  /** Rejects with what must end the run. */
  readonly failed: Promise<never>
  readonly #make: (shard: number) => ShardRunner
  readonly #running = new Map<number, { readonly runner: ShardRunner; readonly ended: Promise<void> }>()
  /** Runners that were stopped and have not ended yet. */
  readonly #leaving = new Map<number, Promise<void>>()
  readonly #fail: (error: unknown) => void
  #assigned: readonly number[] = []
  #stopped = false
  #last: readonly ShardRunner[] | undefined

  constructor(make: (shard: number) => ShardRunner) {
    this.#make = make
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.failed = promise
    this.#fail = reject
  }

  get assigned(): readonly number[] {
    return this.#assigned
  }

  /** All partitions of the worker's shards; when it has stopped, as they were in the end. */
  get partitions(): readonly PartitionStatus[] {
    return [...(this.#last ?? this.#runners)].flatMap((runner) => runner.partitions)
  }

  get #runners(): readonly ShardRunner[] {
    return [...this.#running.values()].map(({ runner }) => runner)
  }

  /** From now on these are the worker's shards. */
  assign(shards: readonly number[]): void {
    if (this.#stopped) return
    this.#assigned = shards
    for (const shard of this.#running.keys()) if (!shards.includes(shard)) this.#let(shard)
    for (const shard of shards) if (!this.#running.has(shard)) this.#take(shard)
  }

  routesChanged(): void {
    for (const runner of this.#runners) runner.routesChanged()
  }

  /** Topics whose settings this worker keeps in step: those whose first partition it copies. */
  keptTopics(topics: readonly SelectedTopic[]): SelectedTopic[] {
    const own = new Set(this.#assigned)
    const ready = new Set(this.partitions.map(({ topic }) => topic))
    return topics.filter(({ source }) => own.has(shardOf(source.name, 0)) && ready.has(source.name))
  }

  /** Lets everything go; resolves when all has ended. */
  async stop(): Promise<void> {
    this.#last ??= this.#runners
    this.assign([])
    this.#stopped = true
    await Promise.all(this.#leaving.values())
  }

  #take(shard: number): void {
    const runner = this.#make(shard)
    const before = this.#leaving.get(shard) ?? Promise.resolve()
    const ended = before.then(() => runner.run()).catch((error: unknown) => this.#fail(error))
    this.#running.set(shard, { runner, ended })
  }

  #let(shard: number): void {
    const running = this.#running.get(shard)
    if (!running) return
    this.#running.delete(shard)
    running.runner.stop()
    const ended = running.ended.finally(() => {
      if (this.#leaving.get(shard) === ended) this.#leaving.delete(shard)
    })
    this.#leaving.set(shard, ended)
  }
}
