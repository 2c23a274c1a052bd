import { invariant } from '../base/index.ts'
import type { PartitionEntry } from './commit-record.ts'
import { generationKey } from './generation.ts'
import type { Chunk, PartitionAccount } from './model.ts'

/** Puts the chunks of a commit to the accounts that they belong to. Throws INTERNAL for a chunk that no account covers. */
export function entriesOf(
  accounts: readonly PartitionAccount[],
  chunks: readonly Chunk[],
): readonly PartitionEntry[] {
  const entries = new Map<string, { account: PartitionAccount; readonly chunks: Chunk[] }>()
  for (const account of accounts) {
    check(account)
    const name = `${generationKey(account)}/${account.partition}`
    const known = entries.get(name)
    if (known) known.account = joined(known.account, account)
    else entries.set(name, { account, chunks: [] })
  }
  for (const chunk of chunks) {
    const entry = entries.get(`${generationKey(chunk)}/${chunk.partition}`)
    const covered = entry && chunk.lastOffset >= entry.account.from && chunk.lastOffset < entry.account.to
    invariant(
      covered,
      'a chunk is not covered by an account of its commit',
      placeOf(chunk, chunk.firstOffset),
    )
    entry.chunks.push(chunk)
  }
  for (const entry of entries.values()) entry.chunks.sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  return [...entries.values()]
}

function check(account: PartitionAccount): void {
  const { from, to, divergence } = account
  const place = placeOf(account, from)
  invariant(from >= 0n && to >= from, 'an account ends before it begins', place)
  invariant(
    divergence === undefined || divergence === from,
    'an account does not begin at its divergence',
    place,
  )
  let at = from
  for (const range of account.aborted) {
    invariant(range.from >= at && range.to >= range.from, 'aborted ranges are out of order', place)
    at = range.to
  }
}

/** Two accounts of one partition in one commit: the second goes on where the first ends, or only adds a gap. */
function joined(a: PartitionAccount, b: PartitionAccount): PartitionAccount {
  const place = placeOf(b, b.from)
  invariant(b.divergence === undefined, 'a commit holds both branches of a partition', place)
  invariant(b.from <= a.to, 'two accounts of a commit leave a hole between them', place)
  return {
    ...b,
    from: a.from < b.from ? a.from : b.from,
    to: a.to > b.to ? a.to : b.to,
    ...(a.divergence !== undefined && { divergence: a.divergence }),
    aborted: [...a.aborted, ...b.aborted.filter((range) => range.from >= a.to)],
    gaps: [...a.gaps, ...b.gaps],
  }
}

function placeOf(of: { readonly topic: string; readonly partition: number }, offset: bigint) {
  return { topic: of.topic, partition: of.partition, offset }
}
