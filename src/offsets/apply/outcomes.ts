import { invariant, type TidemarkError } from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import type { PlanEntry } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import { offsetsOf } from './active-groups.ts'
import type { EntryOutcome, GroupOutcome } from './apply-report.ts'
import type { GroupCommitted } from './commit-groups.ts'
import type { ReadBack } from './read-back.ts'

/** What applying a plan has found out. */
export interface Findings {
  readonly committed: ReadonlyMap<string, GroupCommitted>
  readonly refused: ReadonlyMap<string, TidemarkError>
  /** Positions of the groups as the checks saw them. */
  readonly seen: ReadonlyMap<string, GroupPositions>
  readonly readBack: ReadBack
  readonly retentionMinutes: number | undefined
}

/** What became of one group and each of its positions. */
export function outcomeOfGroup(
  group: string,
  entries: readonly PlanEntry[],
  { committed, refused, seen, readBack, retentionMinutes }: Findings,
): GroupOutcome {
  const commit = committed.get(group)
  const checked = seen.get(group)
  const offsets = checked && offsetsOf(checked.positions)
  const results = entries.map((entry): EntryOutcome => {
    const { topic, partition, current, action } = entry
    const now = offsets ? offsets.get(place(topic, partition)) : current?.offset
    if (action === 'KEEP') return { entry, outcome: 'kept', now }
    if (action === 'SKIP') return { entry, outcome: 'skipped', now }
    // Of a group with a refused entry, the others are left alone too: it moves as a whole or not at all.
    if (commit === undefined) return { entry, outcome: 'refused', now, error: refusalOf(group, refused) }
    return outcomeOfEntry(entry, commit, readBack)
  })
  // Start offsets of share groups do not expire.
  const isSet = results.some(({ entry, outcome }) => outcome === 'set' && entry.type !== 'share')
  return {
    group,
    outcome: outcomeOf(results),
    entries: results,
    commitMs: commit?.ms,
    retries: commit?.retries ?? 0,
    expires:
      isSet && commit && retentionMinutes !== undefined ? commit.at + retentionMinutes * 60_000 : undefined,
  }
}

/** A commit of unknown outcome is settled by what is there: it failed only when it is not in place. */
function outcomeOfEntry(entry: PlanEntry, commit: GroupCommitted, readBack: ReadBack): EntryOutcome {
  const now = readBack.now(entry)
  const failure = commit.failed.get(place(entry.topic, entry.partition))
  const problem = failure && !commit.uncertain ? failure : readBack.problem(entry)
  if (problem) return { entry, outcome: 'failed', now, error: failure ?? problem }
  return { entry, outcome: entry.action === 'DELETE' ? 'deleted' : 'set', now }
}

function refusalOf(group: string, refused: ReadonlyMap<string, TidemarkError>): TidemarkError {
  const error = refused.get(group)
  invariant(error, 'a group that was not committed was refused', { group })
  return error
}

function outcomeOf(results: readonly EntryOutcome[]): GroupOutcome['outcome'] {
  if (results.some(({ outcome }) => outcome === 'refused')) return 'refused'
  if (!results.some(({ outcome }) => outcome === 'failed')) return 'done'
  return results.some(({ outcome }) => outcome !== 'failed' && outcome !== 'skipped') ? 'partial' : 'failed'
}
