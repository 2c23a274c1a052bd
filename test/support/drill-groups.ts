import assert from 'node:assert/strict'
import type { GroupPosition } from './java-admin.ts'
import { content, type ReplicateLab } from './replicate-lab.ts'
import { until } from './replicated.ts'

/** A consumer group that reads and commits while the drill goes on. */
export interface DrillGroup {
  readonly group: string
  readonly topics: readonly string[]
}

/** How groups read: at most so many records at a time, and a pause of ms; so some are at the end, and some far behind. */
const paces = [
  { most: 500, pause: 0 },
  { most: 60, pause: 250 },
  { most: 20, pause: 500 },
  { most: 5, pause: 1000 },
  { most: 1, pause: 1000 },
] as const

/** Starts a member for each of `count` groups: quick and slow ones, of one topic or all; every third reads what is not committed too. */
export async function startGroups(
  lab: ReplicateLab,
  name: string,
  count: number,
  topics: readonly string[],
): Promise<readonly DrillGroup[]> {
  const groups: DrillGroup[] = []
  for (let i = 0; i < count; i++) {
    const { most, pause } = paces[i % paces.length] ?? paces[0]
    const own = i % 2 === 0 ? topics : topics.slice(i % topics.length).slice(0, 1)
    const isolation = i % 3 === 2 ? 'read_uncommitted' : 'read_committed'
    const group = `${name}-${i}`
    const words = [group, lab.source.bootstrap, group, isolation, String(most), String(pause), ...own]
    await lab.java.ask('consume', ...words)
    groups.push({ group, topics: own })
  }
  return groups
}

export async function stopGroups(lab: ReplicateLab, groups: readonly DrillGroup[]): Promise<void> {
  for (const { group } of groups) await lab.java.ask('leave', group)
}

/** The records of one partition as committed readers see them on both sides, those on the target without what the source cleaned away. */
export interface BothSides {
  readonly source: readonly PlacedContent[]
  readonly target: readonly PlacedContent[]
}

export interface PlacedContent {
  readonly offset: bigint
  readonly content: string
}

export async function readSide(
  lab: ReplicateLab,
  side: 'source' | 'target',
  topic: string,
  partition: number,
): Promise<readonly PlacedContent[]> {
  const records = await lab.java.read(lab[side].bootstrap, topic, partition)
  return records.map((record) => ({ offset: record.offset, content: content(record) }))
}

/**
 * Waits until every position that a group has on the source has its counterpart on the target, with the same record behind it; the
 * records are as they were read last. Answers how many positions were compared, and how many records the groups will read again.
 */
export async function untilGroupsAgree(
  lab: ReplicateLab,
  groups: readonly DrillGroup[],
  records: ReadonlyMap<string, BothSides>,
  seconds: number,
  /** Records read again count as not there yet; else a group at the end of the source is content with any place. */
  exact = false,
): Promise<{ readonly positions: number; readonly readAgain: number }> {
  let positions = 0
  let readAgain = 0
  for (const { group } of groups) {
    const source = await lab.sourceAdmin.positions(group)
    assert.ok(source.length > 0, `${group} has read something`)
    positions += source.length
    let told: readonly string[] = []
    const look = async () => {
      const target = await lab.targetAdmin.positions(group).catch((): GroupPosition[] => [])
      const found = source.map((position) => compare(position, target, records))
      const again = found.reduce((sum, one) => sum + one.again, 0)
      told = found.flatMap(({ problem }) => problem ?? [])
      if (exact && again > 0) told = [...told, `${again} records would be read again`]
      return { done: told.length === 0, again }
    }
    await until(
      `${group} stands at the same records`,
      async () => (await look()).done,
      seconds,
      async () => told,
    )
    readAgain += (await look()).again
  }
  return { positions, readAgain }
}

interface Compared {
  readonly problem?: string
  /** Records that the group has read on the source, and will read on the target. */
  readonly again: number
}

function compare(
  { topic, partition, offset }: GroupPosition,
  targets: readonly GroupPosition[],
  records: ReadonlyMap<string, BothSides>,
): Compared {
  const place = `${topic}/${partition}`
  const own = targets.find((one) => one.topic === topic && one.partition === partition)
  const both = records.get(place)
  if (!own || !both) return { problem: `${place} ${offset}: no position on the target`, again: 0 }
  const rest = both.source.filter((record) => record.offset >= offset)
  const read = new Set(both.source.filter((record) => record.offset < offset).map((record) => record.content))
  const ahead = both.target.filter((record) => record.offset >= own.offset)
  const next = rest[0]?.content
  const said = `${place} ${offset} → ${own.offset}`
  if (next !== undefined && ahead[0]?.content !== next) {
    return { problem: `${said}: next is ${ahead[0]?.content}, and should be ${next}`, again: 0 }
  }
  const there = new Set(ahead.map((record) => record.content))
  const skipped = rest.filter((record) => !there.has(record.content)).length
  if (skipped > 0) return { problem: `${said}: ${skipped} records would be skipped`, again: 0 }
  return { again: ahead.filter((record) => read.has(record.content)).length }
}
