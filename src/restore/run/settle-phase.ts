import type { RestoreNotice } from '../job.ts'
import type { RestoreState } from '../state/restore-state.ts'
import type { RestoredFacts } from '../topics/decide-settings.ts'
import { isOpen } from '../topics/open-topics.ts'
import { clusterDefaults, settleTopics } from '../topics/settle-topics.ts'
import type { Phase } from './phase.ts'

/** Puts the final settings in force for the topics that were copied whole, and closes the journal when nothing is left to do. */
export async function settleAll({ environment, made, state, notices, signal }: Phase): Promise<void> {
  const { job, context, cluster } = environment
  context.progress.phase('settings')
  signal.throwIfAborted()
  const open = made.plan.topics.filter(
    ({ target }) => state.topic(target)?.settled === false && state.isWhole(target),
  )
  if (open.length > 0) {
    const defaults = await clusterDefaults(cluster)
    const shared = { cluster, job, facts: made.facts, defaults, now: context.clock.now() }
    const copied = open.flatMap((planned) => {
      const entry = state.topic(planned.target)
      return entry ? [{ planned, entry, restored: restoredFacts(state, planned.target) }] : []
    })
    const all: RestoreNotice[] = [...state.header.notices]
    for (const [topic, settled] of await settleTopics(copied, shared)) {
      const { waiting, waitingReason } = settled
      state.updateTopic(topic, { settled: true, waiting, waitingReason })
      all.push(...settled.notices)
    }
    state.update({ notices: all })
  }
  for (const entry of state.topics()) {
    const { target, failure, before, created } = entry
    if (!failure || (created ? !isOpen(entry) : Object.keys(before).length === 0)) continue
    const message = `${target} keeps the settings of the copy until the restore is run again, or finished`
    notices.push({ code: 'settings-of-copy', message, topic: target })
  }
  const whole = state.topics().every((topic) => topic.failure === undefined)
  const positioned = !made.groups || state.header.groupsAsked !== undefined
  if (whole && positioned) state.update({ stage: 'done' })
  await state.save()
}

function restoredFacts(state: RestoreState, target: string): RestoredFacts {
  const lanes = state.lanesOf(target)
  const oldest = Math.min(...lanes.map((lane) => lane.oldest))
  return {
    records: lanes.flatMap((lane) => lane.maps()).reduce((sum, map) => sum + map.records, 0),
    oldest: Number.isFinite(oldest) ? BigInt(oldest) : undefined,
    largestPartition: Math.max(0, ...lanes.map((lane) => lane.bytes.reduce((sum, bytes) => sum + bytes, 0))),
  }
}
