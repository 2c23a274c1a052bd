import { firstFew, type Telemetry } from '../../base/index.ts'
import type { PositionOutcome, RoundReport } from './round.ts'

/** Groups that are named in one line. */
const named = 5

/**
 * Says what a round did: numbers for the metrics, and a line for what has changed since the round before. What stays as it was is not
 * said again.
 */
export class RoundTeller {
  readonly #telemetry: Telemetry
  readonly #states = new Map<string, string>()
  #doubly = new Set<string>()

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  /** Positions committed. */
  tell(report: RoundReport, seconds: number): number {
    const telemetry = this.#telemetry
    const states = Map.groupBy(report.outcomes, stateOf)
    const groups = Map.groupBy(report.outcomes, ({ group }) => group)
    telemetry.gauge('sync_round_seconds', seconds)
    telemetry.gauge('mappings', report.mappings)
    telemetry.gauge('groups_seen', groups.size)
    const inStep = [...groups.values()].filter((outcomes) => outcomes.every(isInStep))
    telemetry.gauge('groups_in_step', inStep.length)
    for (const state of allStates) telemetry.gauge('positions', states.get(state)?.length ?? 0, { state })
    const committed = report.outcomes.filter(isCommitted)
    for (const [cause, of] of Map.groupBy(committed, causeOf)) {
      telemetry.count('positions_committed', of.length, { cause })
    }
    this.#tellCommits(committed)
    this.#tellChanges(report.outcomes)
    this.#tellDouble(report.doublyMapped)
    for (const { group, error } of report.unread) {
      telemetry.log('error', `The positions of '${group}' could not be read: ${error.message}`, codeOf(error))
    }
    return committed.length
  }

  /** Two pipelines that copy the same partition, each once. */
  #tellDouble(found: RoundReport['doublyMapped']): void {
    const now = new Set<string>()
    for (const { topic, partition, pipelines } of found) {
      const place = `${topic}/${partition}`
      if (!now.has(place) && !this.#doubly.has(place)) {
        const text = `${place} is copied by the pipelines ${pipelines.join(', ')}: the lower target offset counts`
        this.#telemetry.log('warn', text, { code: 'MAPPING_CONFLICT' })
      }
      now.add(place)
    }
    this.#doubly = now
  }

  #tellCommits(committed: readonly PositionOutcome[]): void {
    for (const [cause, of] of Map.groupBy(committed, causeOf)) {
      const groups = [...new Set(of.map(({ group }) => group))]
      // Making commits again is routine.
      const level = cause === 'aging' ? 'debug' : 'info'
      const fields = { positions: of.length, groups: firstFew(groups, named) }
      this.#telemetry.log(level, `Committed on the target: ${commitText[cause] ?? cause}`, fields)
    }
    for (const { group, topic, partition, current, sources, decision } of committed) {
      this.#telemetry.log(
        'debug',
        `'${group}' in ${topic}/${partition}: ${current ?? 'none'} → ${decision.target}`,
        {
          source: sources.map((one) => `${one.topic}/${one.partition}@${one.offset}`).join(', '),
        },
      )
    }
  }

  #tellChanges(outcomes: readonly PositionOutcome[]): void {
    const changed = outcomes.filter((outcome) => {
      const key = `${outcome.topic}/${outcome.partition} ${outcome.group}`
      const state = stateOf(outcome)
      const is = this.#states.get(key) !== state
      this.#states.set(key, state)
      return is && !isInStep(outcome)
    })
    for (const [group, of] of Map.groupBy(changed, ({ group }) => group)) {
      for (const [state, same] of Map.groupBy(of, stateOf)) {
        const [first] = same
        if (first === undefined) continue
        this.#telemetry.count('positions_skipped', same.length, { reason: state })
        const where = same.length === 1 ? `${first.topic}/${first.partition}` : `${same.length} partitions`
        const level = first.decision.action === 'wait' ? 'info' : 'warn'
        const text = `'${group}' is not set in ${where}: ${first.error?.message ?? detailOf(first)}`
        this.#telemetry.log(level, text, { reason: state, ...(first.error && codeOf(first.error)) })
      }
    }
  }
}

/** What a position stands at, as the metrics and `status` name it. */
export function stateOf({ decision, error }: PositionOutcome): string {
  if (error !== undefined) return 'failed'
  if (decision.action === 'commit') return 'committed'
  return decision.cause
}

function isInStep({ decision, error }: PositionOutcome): boolean {
  return error === undefined && (decision.action === 'keep' || decision.action === 'commit')
}

function isCommitted({ decision, error }: PositionOutcome): boolean {
  return error === undefined && decision.action === 'commit'
}

function causeOf({ decision }: PositionOutcome): string {
  return decision.cause
}

function detailOf({ decision }: PositionOutcome): string {
  return 'detail' in decision ? decision.detail : decision.cause
}

function codeOf(error: Error): { readonly code?: string } {
  return 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
}

const commitText: Readonly<Record<string, string>> = {
  first: 'groups had no position there',
  moved: 'groups moved on',
  rewound: 'groups were set back on the source',
  metadata: 'the metadata of commits changed',
  aging: 'commits made again before they expire',
}

/** Every state, so that a gauge goes back to zero. */
export const allStates = [
  'in-step',
  'committed',
  'failed',
  'ahead-of-copy',
  'source-recreated',
  'unmapped',
  'target-changed',
  'handed-over',
  'active',
  'own-commit',
  'newer-mapping',
  'backwards',
] as const
