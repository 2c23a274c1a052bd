import type { BackupState } from '../backup-state.ts'
import { BlockReader } from '../blocks.ts'
import { type BlockRef, type CheckpointRoot, decodeRoot, type GenerationEntry } from '../checkpoint-root.ts'
import { decodeDescriptions } from '../descriptions.ts'
import { type Generation, generationKey } from '../generation.ts'
import { decodeGeneration } from '../generation-block.ts'
import { checkpointOf, keys } from '../keys.ts'
import type { CheckContext } from './check-commits.ts'

/** Checks the checkpoints: each against itself and its commit. The blocks are read when all data is to be read. */
export class CheckpointChecker {
  readonly #context: CheckContext
  readonly #sums: ReadonlyMap<number, string>
  /** Blocks that were read already; later roots name them again. */
  readonly #read = new Set<string>()
  #reader: BlockReader
  readonly #sizes = new Map<string, number | undefined>()
  count = 0

  constructor(context: CheckContext, sums: ReadonlyMap<number, string>) {
    this.#context = context
    this.#sums = sums
    this.#reader = new BlockReader(context.place, [])
  }

  /** Checks a checkpoint by the key of its root; answers the root if it can be used. */
  async check(key: string): Promise<CheckpointRoot | undefined> {
    const { place, inventory, findings, call } = this.#context
    const number = checkpointOf(key) ?? 0
    await inventory.take(key, call)
    const root = await findings.attempt('changed', async () =>
      decodeRoot(await place.get(key, call), number, place.backupId),
    )
    if (!root) return undefined
    this.count++
    const sum = this.#sums.get(number)
    if (sum !== undefined && sum !== root.commitSha256) {
      findings.error('checkpoint', key, `The checkpoint ${number} was made of another commit of that number`)
    }
    for (const object of root.objects) await this.#object(object.key, object.size)
    this.#reader = new BlockReader(place, root.objects)
    if (this.#context.chunks) await this.#blocks(root)
    return root
  }

  async #object(key: string, size: number): Promise<void> {
    const { inventory, findings, call } = this.#context
    if (!this.#sizes.has(key)) this.#sizes.set(key, await inventory.take(key, call))
    const found = this.#sizes.get(key)
    if (found === size) return
    const what = found === undefined ? 'is missing' : `has ${found} bytes instead of ${size}`
    findings.error(found === undefined ? 'missing' : 'size', key, `The object ${key} ${what}`)
  }

  async #blocks(root: CheckpointRoot): Promise<void> {
    for (const generation of root.generations) {
      for (const block of generation.blocks) {
        await this.#block(block, (bytes) => decodeGeneration(bytes, block.key, generation))
      }
    }
    for (const block of root.descriptions) {
      await this.#block(block, (bytes) => decodeDescriptions(bytes, block.key))
    }
  }

  async #block(block: BlockRef, decode: (bytes: Buffer) => unknown): Promise<void> {
    const name = `${block.key}@${block.position}`
    if (this.#read.has(name) || this.#sizes.get(block.key) === undefined) return
    this.#read.add(name)
    await this.#context.findings.attempt('changed', async () =>
      decode(await this.#reader.read(block, this.#context.call)),
    )
  }

  /** Compares a checkpoint with what the commits up to it say. */
  async compare(root: CheckpointRoot, commits: BackupState): Promise<void> {
    const { findings } = this.#context
    const wrong = (what: string) =>
      findings.error(
        'checkpoint',
        keys.checkpointRoot(root.commit),
        `The checkpoint ${root.commit} says something else than the commits: ${what}`,
      )
    const said = root.generations.map(generationKey)
    const true_ = commits.generations().map(generationKey)
    if (said.join('\n') !== true_.join('\n')) return wrong('it holds other topics')
    for (const entry of root.generations) {
      const folded = commits.added.get(generationKey(entry))
      const difference =
        folded && (summaryDifference(entry, folded) ?? (await this.#rowDifference(entry, folded)))
      if (difference) wrong(`${entry.topic}: ${difference}`)
    }
    if (root.positions?.key !== commits.positions?.key) wrong('it names another capture of positions')
  }

  /** Undefined when the blocks were not to be read, or could not be (which has been told). */
  async #rowDifference(entry: GenerationEntry, folded: Generation): Promise<string | undefined> {
    if (!this.#context.chunks) return undefined
    let whole: Generation | undefined
    try {
      for (const block of entry.blocks) {
        const part = decodeGeneration(await this.#reader.read(block, this.#context.call), block.key, entry)
        if (whole) whole.absorb(part)
        else whole = part
      }
    } catch {
      return undefined
    }
    return whole ? rowDifference(whole, folded) : undefined
  }
}

function summaryDifference(entry: GenerationEntry, folded: Generation): string | undefined {
  const { totals } = entry
  const truth = folded.totals()
  for (const name of ['records', 'raw', 'stored', 'chunks', 'gaps', 'maxTimestamp'] as const) {
    if (totals[name] !== truth[name]) return `${name} is ${totals[name]} instead of ${truth[name]}`
  }
  if (entry.states.size !== folded.lines.size) return 'it holds other partitions'
  for (const [partition, line] of folded.lines) {
    const state = entry.states.get(partition)
    const same =
      state?.next === line.next && state.leaderEpoch === line.leaderEpoch && state.ended === line.ended
    if (!same) return `partition ${partition} stands elsewhere`
  }
  return undefined
}

function rowDifference(said: Generation, truth: Generation): string | undefined {
  for (const [partition, line] of truth.lines) {
    const other = said.lines.get(partition)
    if (!other || other.rows.length !== line.rows.length) return `partition ${partition} has other chunks`
    for (const [i, row] of line.rows.entries()) {
      const a = said.table.ref(other.rows[i] ?? -1, said.topic, said.topicId, partition)
      const b = truth.table.ref(row, truth.topic, truth.topicId, partition)
      const same =
        a.from === b.from &&
        a.to === b.to &&
        a.chunk.sha256 === b.chunk.sha256 &&
        a.chunk.object === b.chunk.object &&
        a.chunk.position === b.chunk.position
      if (!same) return `partition ${partition} has another chunk at offset ${b.from}`
    }
  }
  return undefined
}
