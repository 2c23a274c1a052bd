import type { InspectedCluster, InspectedGroup, InspectedPosition } from '../../offsets/index.ts'
import { lineOfError } from '../render/error-text.ts'
import { durationText } from '../render/quantities.ts'

/** A cluster that was looked at; `source` is the second one. */
export interface SeenCluster {
  readonly name: 'source' | 'target'
  readonly cluster: InspectedCluster
}

/** What the outputs of `groups list` and `groups describe` begin with. */
export function headObject(seen: readonly SeenCluster[]): Readonly<Record<string, unknown>> {
  return {
    clusters: seen.map(({ name, cluster }) => ({
      cluster: name,
      cluster_id: cluster.clusterId,
      bootstrap_servers: cluster.bootstrap.join(','),
    })),
    failed: seen.flatMap(({ name, cluster }) =>
      cluster.failed.map(({ item, error }) => ({ cluster: name, group: item, message: lineOfError(error) })),
    ),
  }
}

/** A group on one of the clusters. */
export interface GroupOn {
  readonly name: SeenCluster['name']
  readonly group: InspectedGroup
}

/** The same group of both clusters beside each other, by name. */
export function byName(seen: readonly SeenCluster[]): ReadonlyMap<string, readonly GroupOn[]> {
  const all = seen.flatMap(({ name, cluster }) => cluster.groups.map((group): GroupOn => ({ name, group })))
  const sorted = Map.groupBy(all, ({ group }) => group.group)
  return new Map([...sorted].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Offsets that all positions of a group lag behind together; undefined when one is not known. */
export function totalLag({ positions }: InspectedGroup): bigint | undefined {
  let sum = 0n
  for (const { position, lag } of positions) {
    if (position === undefined) continue
    if (lag === undefined) return undefined
    sum += lag
  }
  return sum
}

/** Positions that lie outside their log. */
export function outside({ positions }: InspectedGroup): readonly InspectedPosition[] {
  return positions.filter(({ inRange }) => inRange === false)
}

/** Positions that a group has. */
export function heldBy({ positions }: InspectedGroup): number {
  return positions.filter(({ position }) => position !== undefined).length
}

export function rangeText(inRange: boolean | undefined): string {
  return inRange === undefined ? '-' : inRange ? 'yes' : 'no'
}

export function behindText(timeLag: bigint | undefined): string {
  return timeLag === undefined ? '-' : durationText(Number(timeLag))
}
