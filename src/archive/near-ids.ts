import { editDistance } from '../base/index.ts'

/** Ids that differ little from the one asked for, nearest first; at most three. */
export function nearIds(asked: string, ids: readonly string[]): readonly string[] {
  const most = Math.max(1, Math.floor(asked.length / 3))
  const plain = asked.toLowerCase()
  return ids
    .map((id) => {
      const other = id.toLowerCase()
      const within = other.includes(plain) || plain.includes(other)
      return { id, distance: within ? 1 : editDistance(plain, other) }
    })
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ id }) => id)
}
