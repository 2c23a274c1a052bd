/** A commit marker of one partition. */
export interface Marker {
  /** Which partition: any number that tells them apart. */
  readonly place: number
  readonly producerId: bigint
  readonly epoch: number
  readonly offset: number
  /** When that partition's leader wrote it, ms. */
  readonly time: number
  /** Latest time of the transaction's records in that partition, by the producer's clock; undefined when there were none. */
  readonly lastData: number | undefined
}

/** Markers of one transaction that are further apart than this (ms) are taken for two. */
const FURTHEST = 60_000

/**
 * Brings the markers together that decided the same transaction. A producer has one transaction at a time, and each partition
 * at most one marker of it. Since Kafka 4 the epoch grows with every transaction and alone tells them apart. Before, a new
 * transaction begins where a partition comes again, or where records were written only after an earlier marker: all records
 * of a transaction are older than its first marker.
 */
export function groupMarkers(markers: readonly Marker[]): Marker[][] {
  const byProducer = new Map<string, Marker[]>()
  for (const marker of markers) {
    const key = `${marker.producerId}/${marker.epoch}`
    const there = byProducer.get(key)
    if (there) there.push(marker)
    else byProducer.set(key, [marker])
  }
  const groups: Marker[][] = []
  for (const own of byProducer.values()) {
    own.sort((a, b) => a.time - b.time || a.place - b.place)
    let group: Marker[] = []
    for (const marker of own) {
      const [first] = group
      if (first && belongs(group, first, marker)) group.push(marker)
      else {
        group = [marker]
        groups.push(group)
      }
    }
  }
  return groups
}

function belongs(group: readonly Marker[], first: Marker, marker: Marker): boolean {
  if (group.some((other) => other.place === marker.place)) return false
  if (marker.time - first.time > FURTHEST) return false
  return marker.lastData === undefined || marker.lastData <= first.time
}
