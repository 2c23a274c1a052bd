import type { BackupState } from './backup-state.ts'
import { BlockReader } from './blocks.ts'
import type { DescribedTopic } from './contract.ts'
import { decodeDescriptions } from './descriptions.ts'
import type { TopicDescription } from './model.ts'
import type { BackupPlace } from './place.ts'

/** Every description that any topic ever had, oldest first. Rejects with ARCHIVE_DAMAGED. */
export async function readHistory(
  place: BackupPlace,
  state: BackupState,
  call: { readonly signal?: AbortSignal } = {},
): Promise<readonly DescribedTopic[]> {
  const reader = new BlockReader(place, state.root?.objects ?? [])
  const all: DescribedTopic[] = []
  for (const block of state.root?.descriptions ?? []) {
    for (const described of decodeDescriptions(await reader.read(block, call), block.key)) all.push(described)
  }
  for (const described of state.described) all.push(described)
  return all
}

/** The newest description of each topic. */
export function newestTopics(history: readonly DescribedTopic[]): ReadonlyMap<string, TopicDescription> {
  return new Map(history.map(({ description }) => [description.name, description]))
}
