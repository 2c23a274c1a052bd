import type { PositionCapture } from '../archive/index.ts'
import type { BackupNotice } from './job.ts'

/** Positions whose newest commit was part of an open transaction when they were read. */
export function unstablePositions(capture: PositionCapture | undefined): BackupNotice[] {
  return (capture?.groups ?? []).flatMap(({ group, positions }) =>
    positions
      .filter((position) => position.unstable)
      .map(({ topic, partition }) => ({ type: 'position-unstable' as const, group, topic, partition })),
  )
}

/** Positions beyond what has been copied: exact only after the next run. */
export function positionsAhead(
  capture: PositionCapture | undefined,
  copiedTo: (topic: string, partition: number) => bigint | undefined,
): BackupNotice[] {
  const notices: BackupNotice[] = []
  for (const { group, positions } of capture?.groups ?? []) {
    for (const { topic, partition, offset } of positions) {
      const copied = copiedTo(topic, partition)
      if (copied !== undefined && offset > copied) {
        notices.push({ type: 'position-ahead', group, topic, partition, position: offset, copiedTo: copied })
      }
    }
  }
  return notices
}
