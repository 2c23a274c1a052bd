import type { BackupReader } from '../../archive/index.ts'
import { TidemarkError } from '../../base/index.ts'
import type { ExplainAbsence, MapSet } from '../../offsets/index.ts'

/** What a backup knows of its source: why offsets are not in the copy, and how many partitions topics had. */
export interface SourceFacts {
  readonly sourcePartitions: (topic: string) => number | undefined
  readonly explain: (topic: string, partition: number) => ExplainAbsence | undefined
}

export async function sourceFacts(reader: BackupReader, maps: MapSet): Promise<SourceFacts> {
  const { absenceFromIndex } = await import('../../offsets/index.ts')
  const held = new Set((await reader.summary()).topics.map(({ topic }) => topic))
  const facts = new Map<string, { partitions: number | undefined; explain: Map<number, ExplainAbsence> }>()
  for (const topic of maps.sourceTopics) {
    if (!held.has(topic)) continue
    const index = await reader.topic(topic)
    facts.set(topic, {
      partitions: index.description?.partitions,
      explain: new Map([...index.partitions].map(([partition, kept]) => [partition, absenceFromIndex(kept)])),
    })
  }
  return {
    sourcePartitions: (topic) => facts.get(topic)?.partitions,
    explain: (topic, partition) => facts.get(topic)?.explain.get(partition),
  }
}

/** Throws SOURCE_MISMATCH when the backup is of another cluster than the one named. */
export function checkSource(reader: BackupReader, backupId: string, wanted: string | undefined): void {
  const { sourceClusterId, sourceName } = reader.identity
  if (wanted === undefined || wanted === sourceClusterId || wanted === sourceName) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The backup ${backupId} is of the cluster ${sourceName ?? sourceClusterId}, not of ${wanted}`,
    { hint: 'Correct the name of the source cluster, or leave it out.' },
  )
}
