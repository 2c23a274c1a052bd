/** What of the copy decides whether a setting would delete some of it. */
export interface RestoredFacts {
  readonly records: number
  /** Smallest of the largest times of the batches, ms: no segment on the target is older. Undefined = no times. */
  readonly oldest: bigint | undefined
  /** Bytes in the fullest partition. */
  readonly largestPartition: number
}

/** Settings to be made: a value, or null for what the cluster says. */
export type Settings = Readonly<Record<string, string | null>>

export interface Decision {
  /** In force now; `cleanup.policy` first where it is among them, since the others may delete by it. */
  readonly now: Settings
  /** Would delete what was restored. */
  readonly waiting: Settings
  readonly reason: string
}

export interface DecisionInput {
  readonly wanted: Settings
  readonly restored: RestoredFacts
  /** What the cluster says where a topic says nothing. */
  readonly defaults: {
    readonly retentionMs: bigint
    readonly retentionBytes: bigint
    readonly cleanupPolicy: string
  }
  /** Ms since the epoch. */
  readonly now: number
  readonly applyRetention: 'now' | 'wait'
}

/**
 * Tells the settings that may be put in force at once from those that would delete what was restored. Pure.
 *
 * Retention counts by record time, in whole segments: none is older than its newest batch. Compaction takes away
 * records that a later one of the same key replaces. Where compaction waits, the topic stays under `delete`, and then every
 * retention waits that compaction alone would not have heeded.
 */
export function decideSettings(input: DecisionInput): Decision {
  const { wanted, restored, defaults } = input
  const all = { now: wanted, waiting: {}, reason: '' }
  if (input.applyRetention === 'now' || restored.records === 0) return all
  const policy = settingOf(wanted, 'cleanup.policy', defaults.cleanupPolicy)
  const retentionMs = BigInt(settingOf(wanted, 'retention.ms', String(defaults.retentionMs)))
  const retentionBytes = BigInt(settingOf(wanted, 'retention.bytes', String(defaults.retentionBytes)))
  const compacts = policy.includes('compact')
  const deletes = policy.includes('delete')
  const tooOld =
    restored.oldest !== undefined && retentionMs >= 0n && BigInt(input.now) - restored.oldest > retentionMs
  const tooLarge = retentionBytes >= 0n && BigInt(restored.largestPartition) > retentionBytes
  const reasons: string[] = []
  const waits = new Set<string>()
  const wait = (name: string, reason: string) => {
    if (!(name in wanted)) return
    waits.add(name)
    reasons.push(reason)
  }
  if (compacts)
    wait('cleanup.policy', 'compaction would remove records that a later one of the same key replaces')
  const underDelete = deletes || waits.has('cleanup.policy')
  if (underDelete && tooOld) {
    wait(
      'retention.ms',
      `the oldest restored records are from ${isoDate(restored.oldest ?? 0n)}, older than it allows`,
    )
  }
  if (underDelete && tooLarge) {
    wait(
      'retention.bytes',
      `the fullest partition holds ${restored.largestPartition} restored bytes, more than it allows`,
    )
  }
  const entries = Object.entries(wanted)
  return {
    now: Object.fromEntries(entries.filter(([name]) => !waits.has(name))),
    waiting: Object.fromEntries(entries.filter(([name]) => waits.has(name))),
    reason: reasons.join('; '),
  }
}

function settingOf(wanted: Settings, name: string, fallback: string): string {
  return wanted[name] ?? fallback
}

function isoDate(time: bigint): string {
  const ms = Number(time)
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${time} ms`
}
