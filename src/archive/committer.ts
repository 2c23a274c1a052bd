import { invariant } from '../base/index.ts'
import type { BackupState } from './backup-state.ts'
import { encodeCommit } from './commit-json.ts'
import type {
  CommitRecord,
  PartitionEntry,
  PositionsRef,
  StoredCommit,
  StoredObject,
  WriterEntry,
} from './commit-record.ts'
import { keys } from './keys.ts'
import { readCommit } from './load.ts'
import type { TopicDescription } from './model.ts'
import { newToken } from './names.ts'
import type { BackupPlace } from './place.ts'
import { inUse } from './presence.ts'

/** What a commit is to say; number and chain are added here. */
export interface CommitContent {
  readonly written: number
  readonly final: boolean
  readonly objects: readonly StoredObject[]
  readonly topics: readonly TopicDescription[]
  readonly partitions: readonly PartitionEntry[]
  readonly positions: PositionsRef | undefined
}

/**
 * Adds commits to a backup, each exactly once. When the number is taken by another run the commit there is taken in; if the
 * two have a partition in common this run stops, else it tries the next number.
 */
export class Committer {
  readonly #place: BackupPlace
  readonly #state: BackupState
  readonly #writer: WriterEntry
  /** Partitions that other runs have committed since this one began, and who. */
  readonly #foreign = new Map<string, WriterEntry>()

  constructor(place: BackupPlace, state: BackupState, writer: WriterEntry) {
    this.#place = place
    this.#state = state
    this.#writer = writer
  }

  /** Makes the commit; answers its number. Rejects with BACKUP_IN_USE, or what the store says. */
  async commit(content: CommitContent): Promise<number> {
    const token = newToken()
    for (;;) {
      this.#check(content.partitions)
      const number = this.#state.head + 1
      const record: CommitRecord = {
        ...content,
        commit: number,
        previous: this.#state.headSha256,
        token,
        writer: this.#writer,
        checkpoint: this.#state.checkpoint,
      }
      const { bytes, sha256 } = encodeCommit(record, this.#place.backupId)
      if (await this.#place.put(keys.commit(number), bytes, { ifAbsent: true })) {
        this.#state.takeIn({ ...record, sha256, bytes: bytes.length })
        return number
      }
      const there = await readCommit(this.#place, number)
      this.#state.takeIn(there)
      // An answer was lost: the commit is ours.
      if (there.token === token) return number
      this.#remember(there)
    }
  }

  #remember(commit: StoredCommit): void {
    for (const { account } of commit.partitions) this.#foreign.set(nameOf(account), commit.writer)
  }

  #check(partitions: readonly PartitionEntry[]): void {
    for (const { account } of partitions) {
      const other = this.#foreign.get(nameOf(account))
      if (other) throw inUse(this.#place.backupId, other, `its commit of ${nameOf(account)}`)
      const place = { topic: account.topic, partition: account.partition, offset: account.from }
      const next = this.#state.stateOf(account)?.next
      invariant(
        next === undefined || account.from <= next,
        'an account leaves a hole behind the last commit',
        place,
      )
    }
  }
}

/** Without the topic's id: two generations of a partition are not for two runs either. */
function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
