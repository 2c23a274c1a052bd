import { LaneState } from '../state/lane-state.ts'
import { isOpen } from '../topics/open-topics.ts'
import type { Phase } from './phase.ts'

/** The lanes of all open topics, as the journal knows them; those that are there already stay as they are. */
export function openLanes({ made, state, journal: begun }: Phase): readonly LaneState[] {
  const { producer, sourceName } = state.header
  const known = new Map(begun?.header.lanes.map((lane) => [lane.key, lane]))
  for (const lane of made.plan.topics.flatMap((topic) => topic.lanes)) {
    const entry = state.topic(lane.target)
    if (!entry || !isOpen(entry) || state.lanes.has(lane.key)) continue
    const journal = known.get(lane.key)
    const options = {
      sourceName,
      copyStarts: lane.outputs.map((partition) => entry.ends[partition] ?? 0n),
      producer: producer ?? { producerId: -1n, epoch: 0 },
      journal: journal && { lane: journal, blobs: begun?.blobs ?? [] },
    }
    state.addLane(new LaneState(lane, options))
  }
  return [...state.lanes.values()]
}
