/** Ids that differ little from the one asked for, nearest first; at most three. */
export function nearIds(asked: string, ids: readonly string[]): readonly string[] {
  const most = Math.max(1, Math.floor(asked.length / 3))
  const plain = asked.toLowerCase()
  return ids
    .map((id) => {
      const other = id.toLowerCase()
      const within = other.includes(plain) || plain.includes(other)
      return { id, distance: within ? 1 : edits(plain, other) }
    })
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ id }) => id)
}

/** Single-character insertions, deletions and replacements that turn one text into the other. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
