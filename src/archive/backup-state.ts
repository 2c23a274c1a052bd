import type { CheckpointRoot, GenerationEntry } from './checkpoint-root.ts'
import type { PositionsRef, StoredCommit } from './commit-record.ts'
import type { DescribedTopic } from './contract.ts'
import { damaged } from './damaged.ts'
import { Generation, generationKey } from './generation.ts'
import type { StoredIdentity } from './identity.ts'
import { keys } from './keys.ts'
import type { BackupIdentity, PartitionState } from './model.ts'
import type { LineState } from './partition-line.ts'

/** Names one partition of one generation. */
export interface PartitionName {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
}

/**
 * What is known of a backup: the root of a checkpoint, and what the commits after it add, folded. Commits are taken in one by one,
 * in order; a checkpoint replaces what lies before it.
 */
export class BackupState {
  readonly identity: BackupIdentity
  #root: CheckpointRoot | undefined
  #entries: ReadonlyMap<string, GenerationEntry> = new Map()
  #added = new Map<string, Generation>()
  #described: DescribedTopic[] = []
  readonly #partitionCounts = new Map<string, number>()
  #positions: PositionsRef | undefined
  #head = 0
  #headSha256: string
  #headWritten: number
  #final = false
  #checkpoint = 0
  #commitsSince = 0
  #bytesSince = 0

  constructor({ identity, sha256 }: StoredIdentity) {
    this.identity = identity
    this.#headSha256 = sha256
    this.#headWritten = identity.created
  }

  /** Number of the newest commit taken in; 0 for none. */
  get head(): number {
    return this.#head
  }

  /** What the next commit names as the one before. */
  get headSha256(): string {
    return this.#headSha256
  }

  /** Ms since the epoch; of the identity when there is no commit. */
  get headWritten(): number {
    return this.#headWritten
  }

  /** Whether the newest commit closed a run. */
  get final(): boolean {
    return this.#final
  }

  get root(): CheckpointRoot | undefined {
    return this.#root
  }

  /** Newest checkpoint known to exist, 0 for none. */
  get checkpoint(): number {
    return this.#checkpoint
  }

  get positions(): PositionsRef | undefined {
    return this.#positions
  }

  /** Commits since the checkpoint, and bytes of their JSON. */
  get since(): { readonly commits: number; readonly bytes: number } {
    return { commits: this.#commitsSince, bytes: this.#bytesSince }
  }

  /** What the commits since the checkpoint add, by {@link generationKey}. */
  get added(): ReadonlyMap<string, Generation> {
    return this.#added
  }

  /** Descriptions that came since the checkpoint. */
  get described(): readonly DescribedTopic[] {
    return this.#described
  }

  /** What the checkpoint says, by {@link generationKey}. */
  get entries(): ReadonlyMap<string, GenerationEntry> {
    return this.#entries
  }

  /** All generations in the order in which they first appeared. */
  generations(): readonly { readonly topic: string; readonly topicId: string | undefined }[] {
    const all: { readonly topic: string; readonly topicId: string | undefined }[] = [
      ...this.#entries.values(),
    ]
    for (const [key, generation] of this.#added) if (!this.#entries.has(key)) all.push(generation)
    return all
  }

  /** Partition count of the newest description of a generation; 0 when there is none. */
  describedPartitions(name: { readonly topic: string; readonly topicId: string | undefined }): number {
    const key = generationKey(name)
    return this.#partitionCounts.get(key) ?? this.#entries.get(key)?.described ?? 0
  }

  /** Where a partition's copy stands; undefined when nothing was ever said of it. */
  stateOf(name: PartitionName): LineState | undefined {
    const key = generationKey(name)
    const added = this.#added.get(key)?.lines.get(name.partition)
    return added?.state ?? this.#entries.get(key)?.states.get(name.partition)
  }

  /** Where every partition stands, by generation. */
  states(): PartitionState[] {
    const all: PartitionState[] = []
    for (const { topic, topicId } of this.generations()) {
      const key = generationKey({ topic, topicId })
      const states = new Map(this.#entries.get(key)?.states)
      for (const line of this.#added.get(key)?.lines.values() ?? []) states.set(line.partition, line.state)
      for (const [partition, { next, leaderEpoch, ended }] of states) {
        all.push({ topic, topicId, partition, next, leaderEpoch, ...(ended && { ended }) })
      }
    }
    return all
  }

  /** Starts from a checkpoint, or goes over to a newer one that holds everything taken in so far. */
  rebase(root: CheckpointRoot, head?: { readonly written: number; readonly final: boolean }): void {
    this.#root = root
    this.#entries = new Map(root.generations.map((entry) => [generationKey(entry), entry]))
    this.#added = new Map()
    this.#described = []
    this.#positions = root.positions
    this.#head = root.commit
    this.#headSha256 = root.commitSha256
    this.#checkpoint = Math.max(this.#checkpoint, root.commit)
    this.#commitsSince = 0
    this.#bytesSince = 0
    if (head) {
      this.#headWritten = head.written
      this.#final = head.final
    }
  }

  /** Takes the next commit in. Throws ARCHIVE_DAMAGED when it does not follow the one before. */
  takeIn(commit: StoredCommit): void {
    const object = keys.commit(commit.commit)
    if (commit.commit !== this.#head + 1 || commit.previous !== this.#headSha256) {
      const before = this.#head === 0 ? keys.identity : keys.commit(this.#head)
      throw damaged(object, `does not follow ${before}: one of them was exchanged`)
    }
    for (const entry of commit.partitions)
      this.#addedOf(entry.account).fold(entry, object, this.#before(entry.account))
    for (const description of commit.topics) {
      this.#described.push({ commit: commit.commit, written: commit.written, description })
      const { name: topic, topicId, partitions } = description
      this.#partitionCounts.set(generationKey({ topic, topicId }), partitions)
    }
    if (commit.positions) this.#positions = commit.positions
    this.#head = commit.commit
    this.#headSha256 = commit.sha256
    this.#headWritten = commit.written
    this.#final = commit.final
    this.#checkpoint = Math.max(this.#checkpoint, commit.checkpoint)
    this.#commitsSince++
    this.#bytesSince += commit.bytes
  }

  #addedOf(name: PartitionName): Generation {
    const key = generationKey(name)
    let generation = this.#added.get(key)
    if (!generation) {
      generation = new Generation(name.topic, name.topicId)
      this.#added.set(key, generation)
    }
    return generation
  }

  #before(name: PartitionName): LineState | undefined {
    return this.#entries.get(generationKey(name))?.states.get(name.partition)
  }
}
