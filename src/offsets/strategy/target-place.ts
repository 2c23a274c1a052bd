import type { GroupType } from '../../kafka/index.ts'
import type { CurrentPosition } from '../plan/plan.ts'
import type { WantedPosition } from '../plan/planner.ts'

/** A partition of the target in which a group shall get a position. */
export interface TargetPlace {
  readonly group: string
  /** Where it is known. */
  readonly type?: GroupType | undefined
  readonly topic: string
  readonly partition: number
  /** The group's position there now. */
  readonly now: CurrentPosition | undefined
  /** Time that was saved with the position that named the place; ms since the epoch. */
  readonly timestamp?: bigint | undefined
}

/** What every wanted position of a place has: the metadata is what is there now, since it is not ours. */
export function wantedAt({ group, type, topic, partition, now }: TargetPlace) {
  const base = { group, type, topic, partition, metadata: now?.metadata ?? null, reread: 0, from: [] }
  return base satisfies Partial<WantedPosition>
}
