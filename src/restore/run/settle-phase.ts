import { Budget } from '../../base/index.ts'
import type { PlannedTopic } from '../plan/plan-types.ts'
import type { RestoreState } from '../state/restore-state.ts'
import type { RestoredFacts } from '../topics/decide-settings.ts'
import { clusterDefaults, settleTopic } from '../topics/settle-topics.ts'
import type { Phase } from './phase.ts'

/** Topics whose settings are changed at the same time. */
const AT_ONCE = 32

/** Puts the final settings in force for the topics that were copied whole, and closes the journal when nothing is left to do. */
export async function settleAll({ environment, made, state, notices, signal }: Phase): Promise<void> {
  const { job, context, cluster } = environment
  context.progress.phase('settings')
  const open = made.plan.topics.filter(
    ({ target }) => state.topic(target)?.settled === false && state.isWhole(target),
  )
  if (open.length > 0) {
    const defaults = await clusterDefaults(cluster)
    const shared = { cluster, job, facts: made.facts, defaults, now: context.clock.now() }
    const places = new Budget(AT_ONCE)
    const settle = async (planned: PlannedTopic) => {
      const entry = state.topic(planned.target)
      if (!entry) return
      const settled = await settleTopic(planned, entry, restoredFacts(state, planned.target), shared)
      const { waiting, waitingReason } = settled
      state.updateTopic(planned.target, { settled: true, waiting, waitingReason })
      state.update({ notices: [...state.header.notices, ...settled.notices] })
    }
    await Promise.all(open.map((planned) => places.with(1, () => settle(planned), signal)))
  }
  for (const { target, failure, before, created } of state.topics()) {
    if (!failure || (!created && Object.keys(before).length === 0)) continue
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
