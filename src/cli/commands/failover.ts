import type { Command } from 'commander'
import { addHandOverFlags, type HandOverFlags, handOverContext } from '../flags/hand-over-flags.ts'
import { addPipelineFlags } from '../flags/pipeline-flags.ts'
import { required } from '../flags/required.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { openSync, pipelineFormat } from '../pipeline/open-pipeline.ts'
import { failOverObject, failOverStatus, failOverText } from '../reports/fail-over-report.ts'
import type { RunFlags, Session } from '../session.ts'

interface Flags extends HandOverFlags, RunFlags {
  readonly sourceLost?: boolean
}

/** `failover`. */
export function define(command: Command, session: Session): void {
  addHandOverFlags(addPipelineFlags(command))
    .option('--wait <duration>', 'how long the copy may take to get there (default: 60s)')
    .option('--source-lost', 'the source cannot be reached: keep what the last sync has set, prove nothing')
    .addHelpText(
      'after',
      `
Stop the group's consumers on the source first. Then the group is taken out of the sync, its positions are set
on the target for the last time, and for each of them the next record is read on both sides and compared: exit 0
says that they are the same, 5 that one differs. The positions before are saved as a snapshot.

Examples:
  kafka-backup failover --group orders -f k2k.yaml
  kafka-backup failover --group orders -f k2k.yaml --source-lost`,
    )
  addRunFlags(command)
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = pipelineFormat(flags)
  const group = required(flags.group, '--group')
  await session.show(flags)
  const { job, pipeline } = await openSync(flags, session)
  const { failOver, failOverWithoutSource } = await import('../../replicate/index.ts')
  const report = await handOverContext(flags, pipeline, session, (context) =>
    flags.sourceLost ? failOverWithoutSource(job, group, context) : failOver(job, group, context),
  )
  await session.print(format, failOverObject(report), () => failOverText(report))
  session.status = failOverStatus(report)
}
