import { BackupState } from '../backup-state.ts'
import { decodeCommit } from '../commit-json.ts'
import type { StoredCommit } from '../commit-record.ts'
import type { StoredIdentity } from '../identity.ts'
import { keys, parseDataKey } from '../keys.ts'
import type { Chunk } from '../model.ts'
import type { BackupPlace } from '../place.ts'
import { loadPositions } from '../positions-store.ts'
import type { ChunkChecker } from './check-chunks.ts'
import type { Findings } from './findings.ts'
import type { Inventory } from './inventory.ts'

/** Whether a chunk lies within an object of so many bytes. */
function isWithin(size: number): (chunk: Chunk) => boolean {
  return ({ position, storedLength }) => position + storedLength <= size
}

/** What the checks share. */
export interface CheckContext {
  readonly place: BackupPlace
  readonly findings: Findings
  readonly inventory: Inventory
  readonly call: { readonly signal?: AbortSignal }
  /** Present when all data is to be read. */
  readonly chunks: ChunkChecker | undefined
}

/** What the commits came to. */
export interface CommitCounts {
  commits: number
  objects: number
  chunks: number
  storedBytes: number
  rawBytes: number
  records: number
}

/**
 * Checks the commits one after the other: readable, in their place in the chain, joined without a hole, their objects there
 * and filled by their chunks. Folds them as a reader does, without any checkpoint.
 */
export class CommitChecker {
  readonly #context: CheckContext
  readonly #captures = new Set<string>()
  /** Checksums of the commits that could be read. */
  readonly sums = new Map<number, string>()
  readonly counts: CommitCounts = {
    commits: 0,
    objects: 0,
    chunks: 0,
    storedBytes: 0,
    rawBytes: 0,
    records: 0,
  }
  #state: BackupState | undefined

  /** `identity`: undefined when it is damaged; then what commit 1 continues is not checked. */
  constructor(context: CheckContext, identity: StoredIdentity | undefined) {
    this.#context = context
    this.#state = identity && new BackupState(identity)
  }

  /** Everything folded; undefined when some commit could not be used. */
  get state(): BackupState | undefined {
    return this.#state
  }

  async check(number: number): Promise<void> {
    const { findings, call } = this.#context
    const commit = await this.#read(number)
    if (!commit) {
      this.#state = undefined
      return
    }
    this.counts.commits++
    this.sums.set(number, commit.sha256)
    this.#follow(commit)
    const folded = await findings.attempt('commit', () => {
      this.#state?.takeIn(commit)
      return true
    })
    if (!folded) this.#state = undefined
    await this.#objects(commit)
    const { positions } = commit
    if (positions && !this.#captures.has(positions.key)) {
      this.#captures.add(positions.key)
      await this.#context.inventory.take(positions.key, call)
      await findings.attempt('changed', () => loadPositions(this.#context.place, positions, call))
    }
  }

  /** A stretch of commits that are not there. */
  missing(from: number, to: number): void {
    this.#state = undefined
    this.#context.findings.error('missing', keys.commit(from), `The commits ${from} to ${to} are missing`)
  }

  async #read(number: number): Promise<StoredCommit | undefined> {
    const { place, inventory, findings, call } = this.#context
    const key = keys.commit(number)
    await inventory.take(key, call)
    return await findings.attempt('changed', async () =>
      decodeCommit(await place.get(key, call), number, place.backupId),
    )
  }

  /** Where folding has ended, the chain is still looked at, as far as the neighbours can be read. */
  #follow(commit: StoredCommit): void {
    if (this.#state) return
    const before = this.sums.get(commit.commit - 1)
    if (before === undefined || before === commit.previous) return
    this.#context.findings.error(
      'commit',
      keys.commit(commit.commit),
      `The commit ${commit.commit} does not follow the commit before it: one of them was exchanged`,
    )
  }

  async #objects(commit: StoredCommit): Promise<void> {
    const chunksOf = new Map<string, Chunk[]>(commit.objects.map(({ key }) => [key, []]))
    for (const { chunks } of commit.partitions) {
      for (const chunk of chunks) {
        chunksOf.get(chunk.object)?.push(chunk)
        this.counts.chunks++
        this.counts.rawBytes += chunk.rawLength
        this.counts.records += chunk.records
      }
    }
    const checks = commit.objects.map(async ({ key, size }) => {
      const chunks = (chunksOf.get(key) ?? []).sort((a, b) => a.position - b.position)
      this.counts.objects++
      this.counts.storedBytes += size
      const there = await this.#object(key, size, chunks)
      if (there.length > 0) await this.#context.chunks?.check(key, there)
    })
    await Promise.all(checks)
  }

  /** The chunks that are there to be read. */
  async #object(key: string, size: number, chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    const { findings, inventory, call } = this.#context
    this.#layout(key, size, chunks)
    const found = await inventory.take(key, call)
    if (found === undefined) {
      findings.error('missing', key, `The object ${key} is missing`)
      for (const chunk of chunks) findings.chunk('missing', chunk, 'is missing with its object')
      return []
    }
    if (found === size) return chunks
    findings.error('size', key, `The object ${key} has ${found} bytes instead of ${size}`)
    const [whole, cut] = [chunks.filter(isWithin(found)), chunks.filter((chunk) => !isWithin(found)(chunk))]
    if (this.#context.chunks) for (const chunk of cut) findings.chunk('size', chunk, 'is cut off or missing')
    return whole
  }

  #layout(key: string, size: number, chunks: readonly Chunk[]): void {
    const { findings } = this.#context
    const form = parseDataKey(key)
    let end = 0
    let last = -1n
    for (const chunk of chunks) {
      if (chunk.position !== end)
        findings.chunk('layout', chunk, `does not begin at ${end}, where the one before ends`)
      end = chunk.position + chunk.storedLength
      if (!form || form.form === 'pack') continue
      if (chunk.topic !== form.topic || chunk.partition !== form.partition || chunk.codec !== form.form) {
        findings.chunk('layout', chunk, 'does not belong into an object of this name')
      }
      if (chunk.firstOffset <= last)
        findings.chunk('layout', chunk, `begins before the one before ends (${last})`)
      last = chunk.lastOffset
    }
    if (end !== size) {
      findings.error(
        'layout',
        key,
        `The chunks of ${key} end at byte ${end}, its commit says that it has ${size}`,
      )
    }
  }
}
