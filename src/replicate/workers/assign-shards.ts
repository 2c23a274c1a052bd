/** A worker as it tells of itself when it joins. */
export interface WorkerClaim {
  readonly id: string
  /** How often the worker had been assigned to when it had these shards: newer claims count before older ones. */
  readonly generation: number
  readonly owned: readonly number[]
}

/**
 * Gives every shard to one worker: ⌊shards/workers⌋ or one more for each, and as many as possible to those who have them already.
 * The same claims give the same answer, in whatever order they come. Pure.
 */
export function assignShards(
  claims: readonly WorkerClaim[],
  shards: number,
): ReadonlyMap<string, readonly number[]> {
  const workers = [...claims].sort((a, b) => (a.id < b.id ? -1 : 1))
  const assigned = new Map(workers.map(({ id }): [string, number[]] => [id, []]))
  if (workers.length === 0) return assigned
  const least = Math.floor(shards / workers.length)
  let extras = shards % workers.length
  const free = new Set(Array.from({ length: shards }, (_, shard) => shard))
  const newestFirst = workers.toSorted((a, b) => b.generation - a.generation)
  const kept = new Map<string, number[]>()
  for (const { id, owned } of newestFirst) {
    const own = [...new Set(owned)].filter((shard) => free.delete(shard)).sort((a, b) => a - b)
    kept.set(id, own)
  }
  // Those who have most keep the extra shard, so that nothing moves that need not.
  const fullestFirst = workers.toSorted(
    (a, b) => (kept.get(b.id)?.length ?? 0) - (kept.get(a.id)?.length ?? 0),
  )
  const quota = new Map<string, number>()
  for (const { id } of fullestFirst) quota.set(id, least + (extras-- > 0 ? 1 : 0))
  for (const { id } of workers) {
    const own = kept.get(id) ?? []
    for (const [i, shard] of own.entries()) {
      if (i < (quota.get(id) ?? 0)) assigned.get(id)?.push(shard)
      else free.add(shard)
    }
  }
  const left = [...free].sort((a, b) => a - b)
  for (const { id } of workers) {
    const mine = assigned.get(id)
    while (mine && mine.length < (quota.get(id) ?? 0)) mine.push(left.shift() ?? 0)
    mine?.sort((a, b) => a - b)
  }
  return assigned
}
