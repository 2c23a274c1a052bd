import { isTidemarkError, TidemarkError } from '../base/index.ts'
import type { BackupState } from './backup-state.ts'
import { BlockReader } from './blocks.ts'
import { type ReadChunkOptions, readChunk } from './chunk-reader.ts'
import type { BackupReader, BackupSummary, DescribedTopic, TopicIndex, TopicSummary } from './contract.ts'
import { addTotals, Generation, generationKey, noTotals, type Totals } from './generation.ts'
import { decodeGeneration } from './generation-block.ts'
import { type LoadOptions, loadBackup } from './load.ts'
import type { BackupIdentity, Chunk, PositionCapture, TopicDescription } from './model.ts'
import { nearIds } from './near-ids.ts'
import type { BackupPlace } from './place.ts'
import { loadPositions } from './positions-store.ts'
import { readHistory } from './topic-history.ts'

interface Name {
  readonly topic: string
  readonly topicId: string | undefined
}

/** A backup as of one commit. Blocks of a checkpoint that are damaged are passed over: the commits hold the same. */
export class StateReader implements BackupReader {
  readonly #place: BackupPlace
  readonly #options: LoadOptions
  #state: BackupState
  #blocks: BlockReader
  #history: Promise<readonly DescribedTopic[]> | undefined
  #newest: Promise<ReadonlyMap<string, TopicDescription>> | undefined

  constructor(place: BackupPlace, state: BackupState, options: LoadOptions) {
    this.#place = place
    this.#state = state
    this.#options = options
    this.#blocks = new BlockReader(place, state.root?.objects ?? [])
  }

  get identity(): BackupIdentity {
    return this.#state.identity
  }

  get commit(): number {
    return this.#state.head
  }

  get complete(): boolean {
    return this.#state.final
  }

  async summary(): Promise<BackupSummary> {
    const topics = await this.#whole(async (state) => {
      const all = state.generations()
      const newest = new Map(all.map((name) => [name.topic, name.topicId]))
      const summaries: TopicSummary[] = []
      for (const name of all)
        summaries.push(await this.#summary(state, name, newest.get(name.topic) !== name.topicId))
      return summaries
    })
    const state = this.#state
    return {
      identity: state.identity,
      commits: state.head,
      lastCommit: state.head,
      lastCommitTime: state.headWritten,
      complete: state.final,
      topics,
      groups: state.positions?.groups ?? 0,
    }
  }

  async topic(name: string, topicId?: string): Promise<TopicIndex> {
    return await this.#whole(async (state) => {
      const chosen = this.#choose(state, name, topicId)
      const described = await this.#described(state)
      return (await this.#generation(state, chosen)).toIndex(described.get(generationKey(chosen)))
    })
  }

  async history(topic: string): Promise<readonly DescribedTopic[]> {
    return await this.#whole(async (state) => {
      const all = await this.#describe(state)
      return all.filter(({ description }) => description.name === topic)
    })
  }

  async positions(): Promise<PositionCapture | undefined> {
    const { positions } = this.#state
    return positions && (await loadPositions(this.#place, positions, this.#options))
  }

  async read(chunk: Chunk, options?: ReadChunkOptions): Promise<Buffer> {
    return await readChunk(this.#place, chunk, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Does some work on the state; when a block of the checkpoint is damaged, once more on what the commits say. */
  async #whole<T>(work: (state: BackupState) => Promise<T>): Promise<T> {
    try {
      return await work(this.#state)
    } catch (error) {
      if (!isTidemarkError(error, 'ARCHIVE_DAMAGED') || !this.#state.root) throw error
      this.#options.telemetry?.log('warn', `the checkpoint is passed over: ${error.message}`)
      this.#state = await loadBackup(this.#place, {
        ...this.#options,
        commit: this.#state.head,
        checkpoints: false,
      })
      this.#blocks = new BlockReader(this.#place, [])
      this.#history = undefined
      this.#newest = undefined
      return await work(this.#state)
    }
  }

  #describe(state: BackupState): Promise<readonly DescribedTopic[]> {
    this.#history ??= readHistory(this.#place, state, this.#options)
    return this.#history
  }

  /** The newest description of each generation. */
  #described(state: BackupState): Promise<ReadonlyMap<string, TopicDescription>> {
    this.#newest ??= this.#describe(state).then(
      (all) =>
        new Map(
          all.map(({ description }) => [
            generationKey({ topic: description.name, topicId: description.topicId }),
            description,
          ]),
        ),
    )
    return this.#newest
  }

  #choose(state: BackupState, topic: string, topicId: string | undefined): Name {
    const all = state.generations()
    const found = all.findLast(
      (name) => name.topic === topic && (topicId === undefined || name.topicId === topicId),
    )
    if (found) return found
    const backup = this.#place.backupId
    const near = nearIds(topic, [...new Set(all.map((name) => name.topic))])
    throw new TidemarkError(
      'TOPIC_NOT_FOUND',
      topicId === undefined
        ? `The backup ${backup} holds no topic ${topic}`
        : `The backup ${backup} holds no topic ${topic} with the id ${topicId}`,
      { details: { topic }, ...(near.length > 0 && { hint: `Did you mean ${near.join(' or ')}?` }) },
    )
  }

  /** Everything of a generation, blocks and commits behind the checkpoint together. */
  async #generation(state: BackupState, name: Name): Promise<Generation> {
    const key = generationKey(name)
    const blocks = state.entries.get(key)?.blocks ?? []
    const added = state.added.get(key)
    let whole: Generation | undefined
    for (const block of blocks) {
      const part = decodeGeneration(await this.#blocks.read(block, this.#options), block.key, name)
      if (whole) whole.absorb(part)
      else whole = part
    }
    if (!whole) return added ?? new Generation(name.topic, name.topicId)
    if (added) whole.absorb(added)
    return whole
  }

  async #summary(state: BackupState, name: Name, superseded: boolean): Promise<TopicSummary> {
    const key = generationKey(name)
    const entry = state.entries.get(key)
    const added = state.added.get(key)
    const totals = await this.#totals(state, name)
    const partitions = new Set([...(entry?.states.keys() ?? []), ...(added?.lines.keys() ?? [])])
    return {
      topic: name.topic,
      topicId: name.topicId,
      superseded,
      partitions: Math.max(state.describedPartitions(name), partitions.size),
      records: totals.records,
      rawBytes: totals.raw,
      storedBytes: totals.stored,
      chunks: totals.chunks,
      gaps: totals.gaps,
      maxTimestamp: totals.maxTimestamp,
    }
  }

  /** The checkpoint's numbers and those of the commits behind it, unless a divergence makes some of it not count. */
  async #totals(state: BackupState, name: Name): Promise<Totals> {
    const key = generationKey(name)
    const added = state.added.get(key)
    if (added?.cutsBefore) return (await this.#generation(state, name)).totals()
    return addTotals(state.entries.get(key)?.totals ?? noTotals, added?.totals() ?? noTotals)
  }
}
