import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type BackupWriter,
  type Gap,
  type OffsetRange,
  openBackup,
  openBackupWriter,
  type PartitionAccount,
  validateBackup,
} from '../../src/archive/index.ts'
import { batches, decodeBatch, encodeBatch, header } from '../../src/records/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import type { ObjectStore } from '../../src/storage/store.ts'
import { accountOf, chunkOf, writerContext } from '../support/archive-data.ts'
import { CrashStore } from '../support/crash-store.ts'

/** What happens at the source or in the run, for one partition. */
const step = fc.record({
  partition: fc.integer({ min: 0, max: 2 }),
  kind: fc.constantFrom(
    'copy',
    'copy',
    'copy',
    'copy',
    'abort',
    'retention',
    'truncate',
    'recreate',
    'overlap',
  ),
  counts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  skip: fc.integer({ min: 1, max: 9 }),
  commit: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const history = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
  crashes: fc.array(fc.record({ calls: fc.integer({ min: 0, max: 60 }), after: fc.boolean() }), {
    maxLength: 6,
  }),
  codec: fc.constantFrom('none' as const, 'zstd' as const),
  packBelow: fc.constantFrom(1, 1 << 20),
  objectBytes: fc.constantFrom(400, 1 << 20),
  checkpointEvery: fc.integer({ min: 1, max: 9 }),
})

/** One partition of the source as it is now, and what the backup must hold of it. */
interface Line {
  readonly partition: number
  topicId: string
  /** What lies at each offset of the source, from offset 0 on. */
  log: Entry[]
}

/** A record, or something that is not copied: aborted data, or what retention took away. */
interface Entry {
  readonly kind: 'record' | 'abort' | 'retention'
  readonly text?: string
}

/** What the backup holds of a partition of a generation: the record at each offset up to where it stands. */
interface Held {
  readonly records: readonly (string | undefined)[]
}

class Model {
  readonly lines: Line[] = [0, 1, 2].map((partition) => ({ partition, topicId: 'id-0', log: [] }))
  /** By topic id and partition, as of the last commit. */
  readonly held = new Map<string, Held>()
  #names = 0

  name(): string {
    return `n${++this.#names}`
  }
}

const keyOf = (topicId: string, partition: number) => `${topicId}/${partition}`

/** A run in the small: takes steps until the store dies, or all are done. Answers how many were committed. */
class Run {
  readonly #model: Model
  readonly #writer: BackupWriter
  /** Accounts and holdings that the next commit brings. */
  readonly #accounts = new Map<string, { account: PartitionAccount; held: Held }>()

  constructor(model: Model, writer: BackupWriter) {
    this.#model = model
    this.#writer = writer
  }

  async take(step: Step): Promise<void> {
    const line = this.#model.lines[step.partition]
    assert.ok(line)
    this.#happen(line, step)
    await this.copy(line, step.kind === 'overlap')
    if (step.commit) await this.commit()
  }

  /** What happens at the source. */
  #happen(line: Line, { kind, skip, counts }: Step): void {
    if (kind === 'recreate') {
      line.topicId = this.#model.name()
      line.log = []
    } else if (kind === 'truncate') line.log.length = Math.max(0, line.log.length - skip)
    else if (kind === 'retention' || kind === 'abort') {
      line.log.push(...Array.from({ length: skip }, () => ({ kind })))
    }
    const branch = this.#model.name()
    for (let count = counts.reduce((sum, n) => sum + n, 0); count > 0; count--) {
      line.log.push({ kind: 'record', text: `${line.log.length}#${branch}` })
    }
  }

  async commit(): Promise<void> {
    const entries = [...this.#accounts]
    await this.#writer.commit({ accounts: entries.map(([, { account }]) => account) })
    this.#accounts.clear()
    for (const [key, { held }] of entries) this.#model.held.set(key, held)
  }

  /** What a commit under way would bring: it may have been made although its answer was lost. */
  pending(): ReadonlyMap<string, { readonly held: Held }> {
    return this.#accounts
  }

  /** Copies everything that is new of a partition, from where the backup stands. */
  async copy(line: Line, overlap = false): Promise<void> {
    const key = keyOf(line.topicId, line.partition)
    if (this.#accounts.has(key)) await this.commit()
    const name = { topic: 't', topicId: line.topicId, partition: line.partition }
    const { log } = line
    const held = this.#model.held.get(key)?.records ?? []
    // Where the source is no longer what was copied, copying begins anew.
    let from = 0
    while (from < held.length && from < log.length && held[from] === textOf(log[from])) from++
    const diverged = from < held.length
    if (!diverged && from === log.length && this.#model.held.has(key)) return
    const gaps: Gap[] = diverged ? [gapOf(from, held.length, 'truncated')] : []
    const aborted: OffsetRange[] = []
    for (const { at, end, kind } of rangesOf(log, from)) {
      if (kind === 'abort') aborted.push({ from: BigInt(at), to: BigInt(end) })
      if (kind === 'retention') gaps.push(gapOf(at, end, 'retention'))
    }
    const account = accountOf(name, BigInt(from), BigInt(log.length), {
      gaps,
      aborted,
      ...(diverged && { divergence: BigInt(from) }),
    })
    this.#accounts.set(key, { account, held: { records: log.map(textOf) } })
    // A chunk may begin before the range that it is read for, as a fetched batch may.
    const start = overlap && from > 0 && log[from - 1]?.kind === 'record' ? from - 1 : from
    const batches = rangesOf(log, start)
      .filter(({ kind }) => kind === 'record')
      .map(({ at, end }) => batchOf(log, at, end))
    if (batches.length > 0) await this.#writer.write(chunkOf(name, Buffer.concat(batches)))
  }
}

function gapOf(from: number, to: number, reason: Gap['reason']): Gap {
  return { from: BigInt(from), to: BigInt(to), reason, found: 1 }
}

function textOf(entry: Entry | undefined): string | undefined {
  return entry?.text
}

/** Runs of entries of the same kind; records at most four in a batch. */
function rangesOf(log: readonly Entry[], from: number): { at: number; end: number; kind: Entry['kind'] }[] {
  const ranges: { at: number; end: number; kind: Entry['kind'] }[] = []
  for (let at = from; at < log.length; at++) {
    const kind = log[at]?.kind ?? 'record'
    const last = ranges.at(-1)
    if (last?.kind === kind && (kind !== 'record' || at - last.at < 4)) last.end = at + 1
    else ranges.push({ at, end: at + 1, kind })
  }
  return ranges
}

function batchOf(log: readonly Entry[], from: number, to: number): Buffer {
  const records = log.slice(from, to).map(({ text }, i) => ({
    offset: BigInt(from + i),
    timestamp: BigInt(from + i),
    key: null,
    value: Buffer.from(text ?? ''),
    headers: [],
  }))
  return encodeBatch(records, { codec: 'none', offsets: 'keep', baseOffset: BigInt(from) })
}

/** What a backup holds, read back to the last record. */
async function contents(store: ObjectStore): Promise<Map<string, Held>> {
  await using reader = await openBackup(store, 'b')
  const all = new Map<string, Held>()
  for (const { topicId } of (await reader.summary()).topics) {
    for (const [partition, index] of (await reader.topic('t', topicId)).partitions) {
      const records: (string | undefined)[] = Array.from({ length: Number(index.next) }, () => undefined)
      let last = -1n
      for (const { chunk, from, to } of index.chunks) {
        assert.ok(from < to && from > last && chunk.firstOffset <= from && to <= chunk.lastOffset + 1n)
        last = to - 1n
        const bytes = await reader.read(chunk)
        for (const at of batches(bytes, 0, bytes.length, { complete: true })) {
          if (header.lastOffset(bytes, at) < from || header.baseOffset(bytes, at) >= to) continue
          for (const record of decodeBatch(bytes, at)) {
            if (record.offset >= from && record.offset < to)
              records[Number(record.offset)] = String(record.value)
          }
        }
      }
      assert.ok(index.covered.length <= 1)
      assert.equal(index.covered[0]?.to ?? index.next, index.next)
      all.set(keyOf(topicId ?? '', partition), { records })
    }
  }
  return all
}

/** The process that wrote the entry is dead; in this test it has the number of the living one. */
async function bury(store: ObjectStore): Promise<void> {
  for await (const { key } of store.list('b/writers/')) await store.delete([key])
}

test('whatever happens at the source and wherever the process dies, the backup holds what was committed, and a rerun completes', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ steps, crashes, ...options }) => {
      const store = new MemoryStore()
      const model = new Model()
      const left = [...steps]
      const deaths = [...crashes]
      for (;;) {
        const death = deaths.shift()
        const seen = death ? new CrashStore(store, death.calls, death.after) : store
        let run: Run | undefined
        let died = false
        try {
          await using writer = await openBackupWriter(
            seen,
            'b',
            { sourceClusterId: 'c', ...options },
            writerContext(),
          )
          run = new Run(model, writer)
          for (let next = left[0]; next; next = left[0]) {
            left.shift()
            await run.take(next)
          }
          for (const line of model.lines) await run.copy(line)
          await run.commit()
        } catch (error) {
          if (!(seen instanceof CrashStore && seen.crashed)) throw error
          died = true
        }
        await bury(store)
        if ((await store.head('b/backup.json')) === undefined) continue
        // Everything is as it was committed; what a dying commit would have brought is there wholly or not at all.
        const found = await contents(store)
        const brought = [...(run?.pending() ?? [])].map(([key, { held }]) => [key, held] as const)
        const with_ = new Map([...model.held, ...brought])
        const after = sameHoldings(found, with_)
        assert.ok(
          after || sameHoldings(found, model.held),
          'neither what was before the last commit nor what it brought',
        )
        if (after) for (const [key, held] of with_) model.held.set(key, held)
        assert.equal((await validateBackup(store, 'b', { deep: true })).errors, 0)
        if (!died) break
      }
      // The rerun that was not killed holds everything that is at the source.
      for (const { topicId, partition, log } of model.lines) {
        assert.deepEqual(model.held.get(keyOf(topicId, partition))?.records, log.map(textOf))
      }
    }),
    { numRuns: Number(process.env.TIDEMARK_RUNS ?? 150), verbose: 1 },
  )
})

function sameHoldings(found: ReadonlyMap<string, Held>, expected: ReadonlyMap<string, Held>): boolean {
  const plain = (all: ReadonlyMap<string, Held>) =>
    JSON.stringify(
      [...all].map(([key, { records }]) => [key, records.length, records.map((text) => text ?? null)]).sort(),
    )
  return plain(found) === plain(expected)
}
