import type { BackupReader, CapturedGroup } from '../../archive/index.ts'
import type { Cluster, PositionReader } from '../../kafka/index.ts'
import {
  type LogTable,
  type MapSet,
  type PlanEntry,
  planFromBackup,
  readTarget,
  type SelectedGroups,
} from '../../offsets/index.ts'
import { targetPartition } from '../plan/lanes.ts'
import type { JobShape } from '../plan/plan-hash.ts'
import { targetTopic } from '../plan/topic-rules.ts'
import { archiveRecord, type RecordFilter } from './archive-record.ts'
import type { HeaderRule } from './compare-records.ts'
import { compareRecords, showRecord } from './compare-records.ts'
import type { Findings } from './findings.ts'
import { TargetLog } from './target-log.ts'
import type { VerifiedPosition } from './verify-types.ts'

export interface VerifyPositionsInput {
  readonly reader: BackupReader
  readonly cluster: Cluster
  readonly positions: PositionReader
  readonly selected: SelectedGroups
  readonly maps: MapSet | undefined
  readonly shape: JobShape
  /** Source topics that are looked at. */
  readonly chosen: (topic: string) => boolean
  /** Whether the cleaner may have taken records of a target topic away. */
  readonly compacted: (topic: string) => boolean
  /** Which records of a source partition were to be restored. */
  readonly filter: (topic: string, partition: number) => RecordFilter
  readonly rule: HeaderRule
  readonly findings: Findings
  /** Ms since the epoch. */
  readonly now: number
  readonly signal: AbortSignal
}

/** A position to be looked at. */
interface Look {
  readonly group: string
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: bigint }
  readonly target: { readonly topic: string; readonly partition: number; readonly offset: bigint }
  readonly committed: bigint | undefined
  /** Where the archive's next record is looked for; undefined = nothing is left to read. */
  readonly next: Look['source'] | undefined
}

/**
 * Proves for each group and partition that the record which it reads next on the target is the one that the archive holds at or
 * after its position on the source.
 */
export async function verifyPositions(input: VerifyPositionsInput): Promise<readonly VerifiedPosition[]> {
  const names = input.selected.groups.map(({ group }) => group)
  const topics = targetTopics(input)
  const { current, logs } = await readTarget(input.cluster, names, topics, { signal: input.signal })
  const committed = new Map(
    current.done.flatMap(({ group, positions }) =>
      positions.map((p) => [`${group} ${p.topic}/${p.partition}`, p.offset] as const),
    ),
  )
  const looks = input.maps
    ? await translatedLooks(input, input.maps, logs, committed)
    : committedLooks(input, committed)
  const verified: VerifiedPosition[] = []
  for (const look of looks) {
    if (input.chosen(look.source.topic)) verified.push(await verifyLook(look, input, logs))
  }
  return verified
}

function targetTopics({ maps, selected, shape }: VerifyPositionsInput): string[] {
  if (maps) return [...maps.targetTopics]
  const sources = selected.groups.flatMap(({ positions }) => positions.map(({ topic }) => topic))
  return [...new Set(sources.map((topic) => targetTopic(shape.topicRules, topic)))]
}

/** With a map: where each captured position is on the target, by the map. */
async function translatedLooks(
  input: VerifyPositionsInput,
  maps: MapSet,
  logs: LogTable,
  committed: ReadonlyMap<string, bigint>,
): Promise<Look[]> {
  const capture = (await input.reader.positions()) ?? { taken: 0, groups: [], failed: [] }
  const plan = planFromBackup(capture, input.selected, maps, {
    clusterId: input.cluster.clusterId,
    created: input.now,
    current: { done: [], failed: [] },
    logs,
    // Where a position should be is looked for where it was, not at the near end of a log that holds it no more.
    outOfRange: 'skip',
    backupId: input.shape.backupId,
  })
  return plan.entries.flatMap((entry) => lookOf(entry, maps, input.shape, committed))
}

function lookOf(
  entry: PlanEntry,
  maps: MapSet,
  shape: JobShape,
  committed: ReadonlyMap<string, bigint>,
): Look[] {
  const { group, topic, partition, target } = entry
  if (target === undefined || entry.from.length === 0) return []
  const into = maps.into(topic, partition)
  // Where records of several partitions came together, the one that lies at the target says which position it continues.
  const holder = into.find((map) => map.findByTarget(target)?.target === target)
  const owner = holder ?? into[0]
  const source = entry.from.find(
    (from) => from.topic === owner?.sourceTopic && from.partition === owner.sourcePartition,
  )
  if (!source) return []
  // Where a partition's records were spread over several, its next record need not be one of those that came here.
  const landed = holder?.findByTarget(target)
  const spread = landed && { ...source, offset: landed.source }
  return [
    {
      group,
      source,
      target: { topic, partition, offset: target },
      committed: committed.get(`${group} ${topic}/${partition}`),
      next: shape.repartitioning[topic] ? spread : source,
    },
  ]
}

/** Without a map: what the groups have committed on the target. */
function committedLooks(
  { selected, shape, findings, chosen }: VerifyPositionsInput,
  committed: ReadonlyMap<string, bigint>,
): Look[] {
  return selected.groups.flatMap((group: CapturedGroup) =>
    group.positions
      .filter(
        ({ offset, topic }) =>
          offset >= 0n && chosen(topic) && !shape.repartitioning[targetTopic(shape.topicRules, topic)],
      )
      .flatMap((source) => {
        const topic = targetTopic(shape.topicRules, source.topic)
        const partition = targetPartition(source.partition, shape)
        const offset = committed.get(`${group.group} ${topic}/${partition}`)
        if (offset !== undefined) {
          const target = { topic, partition, offset }
          return [{ group: group.group, source, target, committed: offset, next: source }]
        }
        findings.add({
          kind: 'position',
          topic,
          partition,
          source: { topic: source.topic, partition: source.partition },
          group: group.group,
          what: `the group has no position here; at the source it was at ${source.offset}`,
          archive: undefined,
          target: undefined,
        })
        return []
      }),
  )
}

async function verifyLook(
  look: Look,
  input: VerifyPositionsInput,
  logs: LogTable,
): Promise<VerifiedPosition> {
  const { group, source, target, committed, next } = look
  const { findings, rule } = input
  const verified = (outcome: VerifiedPosition['outcome']): VerifiedPosition => ({
    group,
    topic: target.topic,
    partition: target.partition,
    source: source.offset,
    target: target.offset,
    committed,
    outcome,
  })
  const filter = input.filter(source.topic, source.partition)
  const expected = next && (await archiveRecord(input.reader, next, filter, input.signal))
  const bounds = logs.get(target.topic)?.get(target.partition)
  const expired = bounds !== undefined && target.offset < bounds.logStart
  const beyond = bounds !== undefined && target.offset > bounds.logEnd
  const log = new TargetLog(input.positions, target, expired ? bounds.logStart : target.offset, input.signal)
  const found = !beyond && (await log.advance()) ? log : undefined
  const different = (what: string, actual: typeof found) => {
    findings.add({
      kind: 'position',
      topic: target.topic,
      partition: target.partition,
      source: { topic: source.topic, partition: source.partition },
      group,
      what,
      archive: expected && showRecord(expected.cursor, expected.offset),
      target: actual?.cursor && showRecord(actual.cursor, actual.offset),
    })
    return verified('different')
  }
  /** The record is right; now the group must stand there too. */
  function standsThere(outcome: 'same' | 'end' = 'same'): VerifiedPosition {
    if (committed === target.offset) return verified(outcome)
    if (committed === undefined) return different('the group has no position here', found)
    different(`the group stands at ${committed}: it has moved since, or was set otherwise`, found)
    return verified('moved')
  }
  if (beyond) {
    return different(
      `its position ${target.offset} lies behind the end of the log, ${bounds.logEnd}`,
      undefined,
    )
  }
  if (!expected) {
    // Nothing of the archive is left to read: what stands there, if anything, came after the copy.
    const copied = input.maps?.into(target.topic, target.partition) ?? []
    const end = copied.reduce((most, map) => (map.targetEnd > most ? map.targetEnd : most), 0n)
    if (input.maps && target.offset < end) return different('records that it has read come again', found)
    return standsThere('end')
  }
  if (expired) return verified('gone')
  if (!found?.cursor) return different('its next record is not on the target', undefined)
  const differs = compareRecords({ ...expected, partition: source.partition }, found.cursor, rule)
  if (differs !== undefined) {
    if (input.compacted(target.topic) && found.offset > target.offset) return verified('gone')
    return different(`its next record is another than at source offset ${expected.offset}: ${differs}`, found)
  }
  if (input.maps && committed === undefined)
    return different('the right record is there, but the group has no position', found)
  return standsThere()
}
