import type {
  RestoredPartition,
  RestoredPositions,
  RestoreNotice,
  RestoreReport,
  WaitingTopic,
} from '../job.ts'
import type { RestorePlan } from '../plan/plan-types.ts'
import type { JournalTopic } from '../state/journal-types.ts'
import type { LaneState } from '../state/lane-state.ts'
import type { RestoreState } from '../state/restore-state.ts'

/** One line for each source partition, from what has landed. */
export function restoredPartitions(lanes: Iterable<LaneState>): RestoredPartition[] {
  return [...lanes].flatMap((state) => {
    const { lane } = state
    const maps = state.maps()
    return lane.inputs.map(({ topic, source }, input): RestoredPartition => {
      const own = maps.slice(input * lane.outputs.length, (input + 1) * lane.outputs.length)
      const [only] = own
      const single = own.length === 1 ? only : undefined
      return {
        sourceTopic: topic,
        sourcePartition: source.partition,
        targetTopic: lane.target,
        targetPartition: single ? single.targetPartition : 'spread',
        records: own.reduce((sum, map) => sum + map.records, 0),
        bytes: state.bytes[input] ?? 0,
        sourceFrom: source.from,
        sourceTo: source.next,
        targetStart: single && single.records > 0 ? single.first?.target : undefined,
        targetEnd: single && single.records > 0 ? single.targetEnd : undefined,
      }
    })
  })
}

/** One line for each source partition of a plan: what would be written at most. */
export function plannedPartitions(plan: RestorePlan): RestoredPartition[] {
  return plan.topics.flatMap(({ lanes }) =>
    lanes.flatMap((lane) =>
      lane.inputs.map(
        ({ topic, source }): RestoredPartition => ({
          sourceTopic: topic,
          sourcePartition: source.partition,
          targetTopic: lane.target,
          targetPartition: lane.spread.type === 'one' ? (lane.outputs[0] ?? 0) : 'spread',
          records: source.records,
          bytes: source.bytes,
          sourceFrom: source.from,
          sourceTo: source.next,
          targetStart: undefined,
          targetEnd: undefined,
        }),
      ),
    ),
  )
}

/** Topics whose settings wait. */
export function waitingTopics(topics: readonly JournalTopic[]): WaitingTopic[] {
  return topics
    .filter((topic) => Object.keys(topic.waiting).length > 0)
    .map(({ target, waiting, waitingReason }) => ({
      topic: target,
      configs: settingTexts(waiting),
      reason: waitingReason,
    }))
}

/** Settings as people read them. */
export function settingTexts(settings: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value ?? '(default)']))
}

export interface ReportInput {
  readonly state: RestoreState
  readonly resumed: boolean
  readonly alreadyDone?: boolean
  readonly interrupted: boolean
  readonly positions: RestoredPositions | undefined
  readonly notices: readonly RestoreNotice[]
  readonly durationMs: number
}

/** The report of a restore that has a journal. */
export function stateReport(input: ReportInput): RestoreReport {
  const { header, lanes } = input.state
  const partitions = restoredPartitions(lanes.values())
  return {
    restoreId: header.restoreId,
    backupId: header.backupId,
    commit: header.commit,
    targetClusterId: header.targetClusterId,
    dryRun: false,
    resumed: input.resumed,
    alreadyDone: input.alreadyDone ?? false,
    partitions,
    records: partitions.reduce((sum, { records }) => sum + records, 0),
    bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    failedTopics: input.state
      .topics()
      .flatMap(({ target, failure }) =>
        failure ? [{ topic: target, code: failure.code, message: failure.message }] : [],
      ),
    waitingTopics: waitingTopics(input.state.topics()),
    positions: input.positions,
    notices: unique([...header.notices, ...input.notices]),
    interrupted: input.interrupted,
    durationMs: input.durationMs,
  }
}

function unique(notices: readonly RestoreNotice[]): RestoreNotice[] {
  const seen = new Set<string>()
  return notices.filter((notice) => {
    const key = JSON.stringify(notice)
    return !seen.has(key) && Boolean(seen.add(key))
  })
}
