import { type OffsetsFile, positionsOf, type SavedPosition } from '../file/offsets-file.ts'
import type { Plan, PlanNotice } from './plan.ts'
import { makePlan, type PlanInput, type WantedPosition } from './planner.ts'

/** What a target answered for a time: the offset of the first record at or after it, or the end of the log. */
export type OffsetForTime = (topic: string, partition: number, time: bigint) => bigint | undefined

/** Where a group goes on: at the saved offset, or at the first record of a time. */
export type FileStrategy =
  | { readonly type: 'offset' }
  | {
      readonly type: 'time'
      /** One time for every position; undefined = the one that was saved with each. */
      readonly at: bigint | undefined
      readonly offsetFor: OffsetForTime
    }

export interface FilePlanOptions
  extends Pick<PlanInput, 'clusterId' | 'created' | 'current' | 'logs' | 'outOfRange'> {
  /** Name of the file, for the plan and messages. */
  readonly name: string
  readonly strategy: FileStrategy
}

/**
 * A plan that puts groups where a file says. Pure. Offsets are taken as they are: right on the cluster that they come from,
 * and on one that holds the same records at the same offsets.
 */
export function planFromFile(file: OffsetsFile, options: FilePlanOptions): Plan {
  const { strategy, name, ...rest } = options
  const wanted = [...positionsOf(file)].map(([{ group, type }, topic, position]): WantedPosition => {
    const { partition, offset, metadata } = position
    const base = { group, type, topic, partition, metadata, reread: 0, from: [{ topic, partition, offset }] }
    if (strategy.type === 'offset') return { ...base, offset, kind: 'as-given', reason: '' }
    return { ...base, kind: 'by-time', ...byTime(strategy, topic, position) }
  })
  return makePlan({
    ...rest,
    origin: { type: 'file', file: name, captured: file.taken },
    wanted,
    notices: notices(file, wanted),
  })
}

const noTime = 'the file holds no time of the record at the position'

/** The time that a position asks the target for, in ms since the epoch. */
export function timeOf(strategy: { readonly at: bigint | undefined }, position: SavedPosition) {
  return strategy.at ?? position.timestamp
}

function byTime(
  strategy: Extract<FileStrategy, { type: 'time' }>,
  topic: string,
  position: SavedPosition,
): Pick<WantedPosition, 'offset' | 'reason'> {
  const time = timeOf(strategy, position)
  if (time === undefined) {
    return { offset: undefined, reason: noTime }
  }
  // Undefined only where the target has no such partition, which the planner then says.
  const offset = strategy.offsetFor(topic, position.partition, time) ?? 0n
  return { offset, reason: `first record at or after ${timeText(time)}` }
}

function notices(file: OffsetsFile, wanted: readonly WantedPosition[]): readonly PlanNotice[] {
  const untimed = wanted.filter(({ reason }) => reason === noTime)
  return [
    ...file.removed.map(
      ({ group, topic, partition }): PlanNotice => ({
        code: 'no-positions',
        message: `Consumer group '${group}' had no position any more in ${topic}/${partition}: nothing is deleted`,
        group,
        topic,
        partition,
      }),
    ),
    ...(untimed.length === 0
      ? []
      : [
          {
            code: 'without-time' as const,
            message: `${untimed.length} positions cannot be set by time: the file does not say of when their records are`,
          },
        ]),
  ]
}

/** A time as text, however far it lies. */
export function timeText(ms: bigint): string {
  const number = Number(ms)
  return Math.abs(number) > 8.64e15 ? String(ms) : new Date(number).toISOString()
}
