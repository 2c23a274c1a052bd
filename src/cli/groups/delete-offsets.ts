import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import { formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import {
  addChangeFlags,
  addPlaceFlags,
  applyChange,
  type ChangeFlags,
  type PlaceFlags,
  placesOf,
  showOutcome,
  showPlan,
} from './change.ts'
import { chosenPositions } from './chosen-positions.ts'
import { addGroupChoice, type ChosenGroups } from './group-flags.ts'

interface Flags extends ChangeFlags, PlaceFlags, ChosenGroups {
  readonly allTopics?: boolean
}

/** `groups delete-offsets`. */
export function defineDeleteOffsets(command: Command, session: Session): void {
  const remove = command
    .command('delete-offsets')
    .description('Delete positions of groups: their auto.offset.reset decides then.')
  addPlaceFlags(addGroupChoice(remove, 'needed'), 'this or --all-topics is needed').option(
    '--all-topics',
    'every position of the groups',
  )
  addChangeFlags(remove).addHelpText(
    'after',
    `
Groups with members, and groups whose position moves, are refused (exit 4). The positions before are saved as a
snapshot: offset-rollback rollback brings them back.

Examples:
  kafka-backup groups delete-offsets --groups orders --topic old-topic --bootstrap-servers kafka:9092
  kafka-backup groups delete-offsets -g 'team-*' --topic orders:3,4 --dry-run --bootstrap-servers kafka:9092`,
  )
  remove.action(async (flags: Flags) => {
    formatOf(flags)
    await session.show(flags)
    required(flags.groups, '--groups')
    if ((flags.topic === undefined) === (flags.allTopics !== true)) {
      throw new TidemarkError('USAGE', 'Which positions are to be deleted is not said, or said twice', {
        hint: 'Give either --topic NAME or --all-topics.',
      })
    }
    const chosen = placesOf(flags)
    await using cluster = await connectTarget(flags, session)
    const current = await chosenPositions(cluster, flags, session)
    const { planDeletion } = await import('../../offsets/index.ts')
    const plan = planDeletion(chosen, {
      clusterId: cluster.clusterId,
      created: session.clock.now(),
      current: { done: current, failed: [] },
      logs: new Map(),
    })
    if (plan.entries.length === 0) {
      throw new TidemarkError('GROUP_NOT_FOUND', 'None of the groups has a position there')
    }
    if (flags.dryRun) return await showPlan(plan, 'Offset Deletion Plan', flags, session)
    const report = await applyChange(plan, cluster, 'Before groups delete-offsets', flags, session)
    await showOutcome(report, 'Offset Deletion', flags, session)
  })
}
