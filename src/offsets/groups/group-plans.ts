import type { GroupPositions } from '../../kafka/index.ts'
import type { KafkaCsvRow } from '../given/kafka-csv.ts'
import type { Plan, PlanOrigin } from '../plan/plan.ts'
import { makePlan, type PlanInput, place, type WantedPosition } from '../plan/planner.ts'

export type GroupPlanOptions = Pick<PlanInput, 'clusterId' | 'created' | 'current' | 'logs' | 'outOfRange'>

/** Which partitions. */
export type ChosenPlaces = (topic: string, partition: number) => boolean

/**
 * A plan that gives a group the positions of another group of the same cluster, metadata included. Positions that it has elsewhere
 * stay. Pure.
 */
export function planCopy(
  from: GroupPositions,
  to: string,
  chosen: ChosenPlaces,
  options: GroupPlanOptions,
): Plan {
  const wanted = held(from, chosen).map(
    ({ topic, partition, offset, metadata }): WantedPosition => ({
      group: to,
      type: from.type ?? 'unknown',
      topic,
      partition,
      offset,
      metadata,
      kind: 'as-given',
      reason: '',
      reread: 0,
      from: [{ topic, partition, offset }],
    }),
  )
  return makePlan({ ...options, origin: origin(from.group, options), wanted, notices: [] })
}

/** A plan that takes positions away from groups, as they are now. Pure. */
export function planDeletion(chosen: ChosenPlaces, options: GroupPlanOptions): Plan {
  const wanted = options.current.done.flatMap((group) =>
    held(group, chosen).map(
      ({ topic, partition }): WantedPosition => ({
        group: group.group,
        type: group.type ?? 'unknown',
        topic,
        partition,
        offset: undefined,
        remove: true,
        metadata: null,
        kind: 'unwanted',
        reason: '',
        reread: 0,
        from: [],
      }),
    ),
  )
  return makePlan({ ...options, origin: origin(undefined, options), wanted, notices: [] })
}

/**
 * A plan that puts groups on the offsets of a file of Kafka's own tool. The file holds no metadata: what the groups keep there
 * stays. An offset below 0 stands for no position, and changes none. Pure.
 */
export function planFromRows(
  rows: readonly (KafkaCsvRow & { readonly group: string })[],
  file: string,
  options: GroupPlanOptions,
): Plan {
  const metadata = new Map(
    options.current.done.flatMap(({ group, positions }) =>
      positions.map((one) => [`${place(one.topic, one.partition)} ${group}`, one.metadata] as const),
    ),
  )
  const wanted = rows.map(
    ({ group, topic, partition, offset }): WantedPosition => ({
      group,
      // The tool knows no share groups.
      type: 'unknown',
      topic,
      partition,
      offset: offset < 0n ? undefined : offset,
      metadata: metadata.get(`${place(topic, partition)} ${group}`) ?? null,
      kind: offset < 0n ? 'no-position' : 'as-given',
      reason: offset < 0n ? 'the file names no position here' : '',
      reread: 0,
      from: [],
    }),
  )
  return makePlan({
    ...options,
    origin: { type: 'file', file, captured: options.created },
    wanted,
    notices: [],
  })
}

function held({ positions }: GroupPositions, chosen: ChosenPlaces) {
  return positions.filter(({ offset, topic, partition }) => offset >= 0n && chosen(topic, partition))
}

function origin(from: string | undefined, { created }: GroupPlanOptions): PlanOrigin {
  return { type: 'groups', from, captured: created }
}
