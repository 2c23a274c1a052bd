import type { Position } from '../../kafka/index.ts'
import {
  type LogBounds,
  type MergedTranslation,
  type MergeSource,
  type PartitionMap,
  type Translation,
  translate,
  translateMerged,
} from '../../offsets/index.ts'
import { guardOf, guardText, isOwnMetadata } from './guard.ts'

/** A group's position on the source, and the map that says where it is on the target. */
export interface MappedPosition {
  readonly map: PartitionMap
  /** Undefined: the group has no position in this source partition (of several that go into one on the target). */
  readonly position: Position | undefined
  /** The topic was deleted and created again since the map: its offsets mean other records. */
  readonly outdated: boolean
}

/** What is remembered of a commit whose metadata is the application's, so that no guard fits into it. */
export interface RememberedCommit {
  readonly version: bigint
  /** What was going to be on the target, and what was there before in case that never came to be: either of them is ours. */
  readonly commits: readonly { readonly offset: bigint; readonly metadata: string }[]
}

/** The target's side of a position. */
export interface TargetSide {
  readonly log: LogBounds
  readonly current: Position | undefined
  /** Of the control topic. */
  readonly remembered: RememberedCommit | undefined
  /** `active`: the group has members there. `handed-over`: a fail-over took it out of the sync. */
  readonly group: 'idle' | 'active' | 'handed-over'
  /** The commit is so old that it has to be made again before the target forgets it. */
  readonly aging: boolean
}

/** What a commit must not do. */
export interface GuardRules {
  readonly prefix: string
  /** Version of the mapping at hand. */
  readonly version: bigint
  /** An older mapping never goes over a newer one. */
  readonly versions: boolean
  /** A position that went back on the source goes back on the target. */
  readonly allowRewind: boolean
  /** Positions that the application on the target committed are replaced. */
  readonly overrideOwn: boolean
}

export type CommitCause = 'first' | 'moved' | 'rewound' | 'metadata' | 'aging'
export type WaitCause = 'ahead-of-copy' | 'source-recreated'
export type SkipCause =
  | 'no-position'
  | 'unmapped'
  | 'target-changed'
  | 'handed-over'
  | 'active'
  | 'own-commit'
  | 'newer-mapping'
  | 'backwards'

/** What to do with one position of a group in one partition of the target, and why. */
export type SyncDecision =
  | {
      readonly action: 'commit'
      readonly cause: CommitCause
      readonly target: bigint
      readonly metadata: string
      /** The metadata is the application's: the commit has to be remembered in the control topic. */
      readonly remember: boolean
      /** Records that the group has read and will read again: only where several source partitions were merged. */
      readonly reread: number
    }
  | { readonly action: 'keep'; readonly cause: 'in-step'; readonly target: bigint }
  | {
      readonly action: 'wait'
      readonly cause: WaitCause
      readonly target: undefined
      readonly detail: string
    }
  | {
      readonly action: 'skip'
      readonly cause: SkipCause
      /** Where the position leads to, when that is known and a guard forbids it. */
      readonly target: bigint | undefined
      readonly detail: string
    }

/**
 * Decides one position. Pure: everything that it rests on is handed in.
 *
 * What always holds: a commit lies within the target's log; it is what `translate` says and nothing else; with the guards on it never goes
 * back, and never over a commit that is not ours; where the answer is not known, or not yet, nothing is committed.
 */
export function decide(
  sources: readonly MappedPosition[],
  target: TargetSide,
  rules: GuardRules,
): SyncDecision {
  const given = sources.filter(({ position }) => position !== undefined)
  const [first] = given
  if (first?.position === undefined) return skip('no-position', 'the group has no position on the source')
  if (target.group === 'handed-over') return skip('handed-over', 'the group was handed over by a fail-over')
  if (sources.some(({ outdated }) => outdated)) {
    return wait(
      'source-recreated',
      'the source topic was created again, and the copy has not come to that yet',
    )
  }
  const found = translated(sources, target.log)
  if (found.target === undefined) return skip('unmapped', unmappedText(found))
  // A copy that has not begun, while the group is further on, is one to wait for: it only looks like an empty one.
  const ahead = found.kind === 'ahead-of-copy' || (found.kind === 'empty' && given.some(isAhead))
  if (ahead) return wait('ahead-of-copy', aheadText(sources))
  if (found.outOfRange?.bound === 'log-end') {
    const text = `the map leads to ${found.outOfRange.wanted}, and the log ends at ${target.log.logEnd}`
    return skip('target-changed', text)
  }
  const only = given.length === 1 && sources.length === 1 ? first.position : undefined
  const own = only !== undefined && isOwnMetadata(rules.prefix, only.metadata)
  const metadata =
    own && only
      ? (only.metadata ?? '')
      : guardText(rules.prefix, { version: rules.version, ...(only && { from: only }) })
  const reread = 'reread' in found ? found.reread : 0
  const cause = causeOf(found.target, metadata, own, target, rules)
  if (cause === 'in-step') return { action: 'keep', cause, target: found.target }
  if (typeof cause !== 'string') return cause
  if (target.group === 'active') {
    // What a group with members has committed does not expire, and it stands where it should.
    if (cause === 'aging' || cause === 'metadata')
      return { action: 'keep', cause: 'in-step', target: found.target }
    return skip('active', 'the group has members on the target', found.target)
  }
  return { action: 'commit', cause, target: found.target, metadata, remember: own, reread }
}

function translated(sources: readonly MappedPosition[], log: LogBounds): Translation | MergedTranslation {
  const [only, ...more] = sources
  if (only?.position !== undefined && more.length === 0) return translate(only.map, only.position.offset, log)
  const merged = sources.map(({ map, position }): MergeSource => ({ map, position: position?.offset }))
  return translateMerged(merged, log)
}

/** Why the target is committed, that it stands there already, or which guard forbids it. */
function causeOf(
  wanted: bigint,
  metadata: string,
  own: boolean,
  { current, remembered, aging }: TargetSide,
  rules: GuardRules,
): CommitCause | 'in-step' | SyncDecision {
  if (current === undefined) return 'first'
  const guard = guardOf(rules.prefix, current.metadata)
  const made = guard ?? rememberedFor(current, remembered)
  if (made === undefined && !rules.overrideOwn) {
    if (current.offset === wanted) return 'in-step'
    return skip(
      'own-commit',
      `the application has committed ${current.offset} on the target by itself`,
      wanted,
    )
  }
  if (rules.versions && made !== undefined && made.version > rules.version) {
    return skip(
      'newer-mapping',
      `the commit was made by the mapping ${made.version}, ours is ${rules.version}`,
      wanted,
    )
  }
  if (wanted < current.offset) {
    if (rules.allowRewind) return 'rewound'
    return skip(
      'backwards',
      `the target stands at ${current.offset}, and the source leads to ${wanted}`,
      wanted,
    )
  }
  if (wanted > current.offset) return 'moved'
  if (own ? current.metadata !== metadata : guard === undefined) return 'metadata'
  return aging ? 'aging' : 'in-step'
}

function rememberedFor(current: Position, remembered: RememberedCommit | undefined) {
  if (remembered === undefined) return undefined
  const same = (commit: { readonly offset: bigint; readonly metadata: string }) =>
    commit.offset === current.offset && commit.metadata === (current.metadata ?? '')
  return remembered.commits.some(same) ? remembered : undefined
}

function isAhead({ map, position }: MappedPosition): boolean {
  return position !== undefined && position.offset > map.sourceEnd
}

function skip(cause: SkipCause, detail: string, target?: bigint): SyncDecision {
  return { action: 'skip', cause, target, detail }
}

function wait(cause: WaitCause, detail: string): SyncDecision {
  return { action: 'wait', cause, target: undefined, detail }
}

function unmappedText(found: Translation | MergedTranslation): string {
  const from = 'completeFrom' in found ? ` is complete from ${found.completeFrom} on` : ' was trimmed'
  return `the map${from}, and the position lies before that`
}

function aheadText(sources: readonly MappedPosition[]): string {
  const ahead = sources.find(isAhead)
  return ahead?.position === undefined
    ? 'the position is ahead of the copy'
    : `the position ${ahead.position.offset} is ahead of the copy, which stands at ${ahead.map.sourceEnd}`
}
