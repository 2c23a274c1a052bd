import type { Clock, Telemetry } from '../base/index.ts'
import type { BackupState } from './backup-state.ts'
import { writeCheckpoint } from './checkpoint-writer.ts'
import type { WriterEntry } from './commit-record.ts'
import type { BackupPlace } from './place.ts'

/** Bytes of commits after which a checkpoint is due. */
const dueBytes = 8 * 1024 * 1024
/** Commits until the next try when one could not be made. */
const pause = 16

/** What checkpoints are made with. */
export interface CheckpointingParts {
  readonly place: BackupPlace
  readonly state: BackupState
  readonly writer: WriterEntry
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** Commits after which a checkpoint is due. */
  readonly every: number
}

/** Makes a checkpoint now and then. Best effort: without one, opening the backup takes longer, and nothing else. */
export class Checkpointing {
  readonly #parts: CheckpointingParts
  #notBefore = 0

  constructor(parts: CheckpointingParts) {
    this.#parts = parts
  }

  /** Makes a checkpoint if one is due. Never rejects. */
  async afterCommit(): Promise<void> {
    const { place, state, writer, clock, telemetry, every } = this.#parts
    const { commits, bytes } = state.since
    if ((commits < every && bytes < dueBytes) || state.head < this.#notBefore) return
    try {
      const head = { written: state.headWritten, final: state.final }
      state.rebase(await writeCheckpoint(place, state, writer, clock.now()), head)
    } catch (error) {
      this.#notBefore = state.head + pause
      telemetry.log('warn', `the checkpoint of commit ${state.head} could not be made: ${String(error)}`)
    }
  }
}
