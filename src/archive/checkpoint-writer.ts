import type { BackupState } from './backup-state.ts'
import { BlockReader, BlockWriter } from './blocks.ts'
import { type BlockRef, type CheckpointRoot, encodeRoot, type GenerationEntry } from './checkpoint-root.ts'
import type { StoredObject, WriterEntry } from './commit-record.ts'
import type { DescribedTopic } from './contract.ts'
import { decodeDescriptions, encodeDescriptions } from './descriptions.ts'
import { addTotals, type Generation, generationKey } from './generation.ts'
import { decodeGeneration, encodeGeneration } from './generation-block.ts'
import { keys } from './keys.ts'
import type { BackupPlace } from './place.ts'

/** Blocks of a generation, or of descriptions, above which the small ones at the end are merged. */
const mostBlocks = 8

/**
 * Writes a checkpoint of everything that the state holds: the new blocks, then the root. Blocks of older checkpoints are used
 * again, except that small ones are merged and that a generation with a divergence is written anew. Answers the root.
 */
export async function writeCheckpoint(
  place: BackupPlace,
  state: BackupState,
  writer: WriterEntry,
  now: number,
): Promise<CheckpointRoot> {
  const index = new BlockWriter(keys.checkpointIndex(state.head, writer.runId))
  const generations = await new IndexMaker(place, state, index).generations()
  const descriptions = await descriptionBlocks(place, state, index)
  if (index.size > 0) await putAll(place, index)
  const root: CheckpointRoot = {
    commit: state.head,
    commitSha256: state.headSha256,
    written: now,
    writer,
    objects: usedObjects(generations, descriptions, state.root?.objects ?? [], index),
    generations,
    descriptions,
    positions: state.positions,
  }
  // One of that number may be there already, from another run whose partitions are others: it says the same.
  await place.put(keys.checkpointRoot(state.head), encodeRoot(root, place.backupId), { ifAbsent: true })
  return root
}

async function putAll(place: BackupPlace, index: BlockWriter): Promise<void> {
  if (index.size <= place.store.putLimit) {
    await place.store.put(place.full(index.key), index.pieces)
    return
  }
  const writer = await place.store.create(place.full(index.key))
  try {
    for (const piece of index.pieces) await writer.write(piece)
    await writer.close()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

class IndexMaker {
  readonly #state: BackupState
  readonly #index: BlockWriter
  readonly #reader: BlockReader

  constructor(place: BackupPlace, state: BackupState, index: BlockWriter) {
    this.#state = state
    this.#index = index
    const wanted = [...state.added].flatMap(([key, added]) => merging(state.entries.get(key), added).merged)
    this.#reader = new BlockReader(place, state.root?.objects ?? [], wanted)
  }

  async generations(): Promise<readonly GenerationEntry[]> {
    const { entries, added } = this.#state
    const result: GenerationEntry[] = []
    for (const { topic, topicId } of this.#state.generations()) {
      const key = generationKey({ topic, topicId })
      const entry = entries.get(key)
      const more = added.get(key)
      if (more) result.push(await this.#extended(entry, more))
      else if (entry) result.push({ ...entry, described: this.#state.describedPartitions(entry) })
    }
    return result
  }

  async #extended(entry: GenerationEntry | undefined, added: Generation): Promise<GenerationEntry> {
    const { kept, merged } = merging(entry, added)
    let part = added
    for (const block of [...merged].reverse()) {
      const older = decodeGeneration(await this.#reader.read(block), block.key, added)
      older.absorb(part)
      part = older
    }
    // Where older blocks stay there was no divergence: what they hold still counts.
    const totals = entry && kept.length > 0 ? addTotals(entry.totals, added.totals()) : part.totals()
    const states = new Map(entry?.states)
    for (const line of added.lines.values()) states.set(line.partition, line.state)
    return {
      topic: added.topic,
      topicId: added.topicId,
      described: this.#state.describedPartitions(added),
      totals,
      states,
      blocks: [...kept, this.#index.add(encodeGeneration(part))],
    }
  }
}

/** Which blocks of a generation stay, and which are written again together with what came since. */
function merging(
  entry: GenerationEntry | undefined,
  added: Generation,
): { readonly kept: readonly BlockRef[]; readonly merged: readonly BlockRef[] } {
  const blocks = entry?.blocks ?? []
  if (added.cutsBefore) return { kept: [], merged: blocks }
  return split(blocks, 600 + 110 * added.table.rows)
}

/** Merges the blocks at the end that are not much larger than what follows them: each byte is rewritten only a few times. */
function split(
  blocks: readonly BlockRef[],
  added: number,
): { readonly kept: readonly BlockRef[]; readonly merged: readonly BlockRef[] } {
  if (blocks.length < mostBlocks) return { kept: blocks, merged: [] }
  let from = blocks.length
  for (let size = added; from > 0; from--) {
    const raw = blocks[from - 1]?.raw ?? 0
    if (raw > 2 * size) break
    size += raw
  }
  return { kept: blocks.slice(0, from), merged: blocks.slice(from) }
}

async function descriptionBlocks(
  place: BackupPlace,
  state: BackupState,
  index: BlockWriter,
): Promise<readonly BlockRef[]> {
  const blocks = state.root?.descriptions ?? []
  if (state.described.length === 0) return blocks
  const added = encodeDescriptions(state.described)
  const { kept, merged } = split(blocks, added.length)
  if (merged.length === 0) return [...blocks, index.add(added)]
  const all: DescribedTopic[] = []
  const reader = new BlockReader(place, state.root?.objects ?? [])
  for (const block of merged) {
    for (const topic of decodeDescriptions(await reader.read(block), block.key)) all.push(topic)
  }
  for (const topic of state.described) all.push(topic)
  return [...kept, index.add(encodeDescriptions(all))]
}

function usedObjects(
  generations: readonly GenerationEntry[],
  descriptions: readonly BlockRef[],
  older: readonly StoredObject[],
  index: BlockWriter,
): readonly StoredObject[] {
  const used = new Set<string>()
  for (const { key } of descriptions) used.add(key)
  for (const { blocks } of generations) for (const { key } of blocks) used.add(key)
  return [...older, { key: index.key, size: index.size }].filter(({ key }) => used.has(key))
}
