import { noProgress, type Progress } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { CheckpointRoot } from '../checkpoint-root.ts'
import { findHead } from '../head.ts'
import { decodeIdentity, type StoredIdentity } from '../identity.ts'
import { checkpointOf, commitOf, keys } from '../keys.ts'
import { notFound } from '../list-backups.ts'
import { checkId } from '../names.ts'
import { BackupPlace } from '../place.ts'
import { CheckpointChecker } from './check-checkpoints.ts'
import { ChunkChecker } from './check-chunks.ts'
import { type CheckContext, CommitChecker } from './check-commits.ts'
import { checkRestores, checkWriters, reportRest } from './check-rest.ts'
import { type Finding, Findings } from './findings.ts'
import { Inventory } from './inventory.ts'

/** How a backup is validated. */
export interface ValidateOptions {
  /** Read all data, not only what describes it. @default false */
  readonly deep?: boolean
  readonly onFinding?: (finding: Finding) => void
  readonly progress?: Progress
  readonly signal?: AbortSignal
}

/** What validation came to. */
export interface ValidationReport {
  readonly backupId: string
  readonly deep: boolean
  readonly commits: number
  readonly checkpoints: number
  /** Data objects, chunks and bytes that the commits name. */
  readonly objects: number
  readonly chunks: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly records: number
  /** Chunks that were read; 0 unless deep. */
  readonly chunksRead: number
  readonly errors: number
  /** Objects that no commit names, and their bytes. */
  readonly orphans: number
  readonly orphanBytes: number
}

/**
 * Checks a backup. Without `deep`: everything that describes it is read and checked, every object is there with its size, commits
 * follow each other, accounts join. With `deep` also all data: SHA-256, decompression, CRC-32C of every batch, offsets, counts, and the
 * newest checkpoint against the commits. What is wrong comes out of `onFinding`, never as a rejection. Rejects with
 * BACKUP_NOT_FOUND, ARCHIVE_TOO_NEW, and what the store says.
 */
export async function validateBackup(
  store: ObjectStore,
  backupId: string,
  options: ValidateOptions = {},
): Promise<ValidationReport> {
  checkId('backup', backupId)
  const place = new BackupPlace(store, backupId)
  const call = options.signal ? { signal: options.signal } : {}
  const inventory = await Inventory.of(place, call)
  if (inventory.objects === 0) throw await notFound(store, backupId, call)
  const findings = new Findings(options.onFinding ?? (() => {}))
  const progress = options.progress ?? noProgress
  const chunks = options.deep ? new ChunkChecker(place, findings, progress, call) : undefined
  return await new Validation({ place, findings, inventory, call, chunks }).run(progress)
}

class Validation {
  readonly #context: CheckContext

  constructor(context: CheckContext) {
    this.#context = context
  }

  async run(progress: Progress): Promise<ValidationReport> {
    const { findings, inventory, chunks } = this.#context
    progress.phase('validate')
    const identity = await this.#identity()
    const beats = await checkWriters(this.#context)
    const roots = inventory.keys(keys.checkpoints).filter((key) => checkpointOf(key) !== undefined)
    const known = Math.max(
      0,
      ...beats.map((beat) => beat.head),
      ...roots.map((key) => checkpointOf(key) ?? 0),
    )
    const head = Math.max(known, await findHead(this.#context.place, known, this.#context.call))
    const commits = new CommitChecker(this.#context, identity)
    const newest = roots.map((key) => checkpointOf(key) ?? 0).reduce((a, b) => Math.max(a, b), 0)
    const checkpoints = new CheckpointChecker(this.#context, commits.sums)
    for (const number of numbersToCheck(inventory, head, newest, commits)) {
      await commits.check(number)
      if (number !== newest) continue
      const root = await this.#checkpoints(checkpoints, roots)
      if (root && commits.state) await checkpoints.compare(root, commits.state)
    }
    if (chunks) await checkRestores(this.#context)
    else for (const key of inventory.keys(keys.restores)) await inventory.take(key, this.#context.call)
    reportRest(this.#context)
    const { commits: count, objects, storedBytes, rawBytes, records } = commits.counts
    return {
      backupId: this.#context.place.backupId,
      deep: chunks !== undefined,
      commits: count,
      checkpoints: checkpoints.count,
      objects,
      chunks: commits.counts.chunks,
      storedBytes,
      rawBytes,
      records,
      chunksRead: chunks?.counts.chunks ?? 0,
      errors: findings.errors,
      orphans: findings.orphans,
      orphanBytes: findings.orphanBytes,
    }
  }

  async #identity(): Promise<StoredIdentity | undefined> {
    const { place, inventory, findings, call } = this.#context
    await inventory.take(keys.identity, call)
    return await findings.attempt('changed', async () =>
      decodeIdentity(await place.get(keys.identity, call), place.backupId),
    )
  }

  /** Checks all checkpoints; answers the newest if it can be used. */
  async #checkpoints(
    checker: CheckpointChecker,
    roots: readonly string[],
  ): Promise<CheckpointRoot | undefined> {
    let root: CheckpointRoot | undefined
    for (const key of roots) root = await checker.check(key)
    return root
  }
}

/** Commits that are looked for one by one; where more are missing in a row, that is said once: a name may claim any number. */
const lookedFor = 1000

/** Every number up to the newest commit, apart from long stretches that are missing, which are told to the checker. */
function* numbersToCheck(
  inventory: Inventory,
  head: number,
  checkpoint: number,
  commits: CommitChecker,
): Generator<number> {
  const listed = inventory
    .keys(keys.commits)
    .flatMap((key) => commitOf(key) ?? [])
    .sort((a, b) => a - b)
  let number = 1
  for (const known of [...new Set([...listed, head])].sort((a, b) => a - b)) {
    if (known - number > lookedFor) {
      commits.missing(number, known - 1)
      if (checkpoint >= number && checkpoint < known) yield checkpoint
      number = known
    }
    for (; number <= known; number++) yield number
  }
}
