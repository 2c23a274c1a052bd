import type { Command } from 'commander'
import { addHandOverFlags, type HandOverFlags, handOverContext } from '../flags/hand-over-flags.ts'
import { addPipelineFlags } from '../flags/pipeline-flags.ts'
import { required } from '../flags/required.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { openSync, pipelineFormat } from '../pipeline/open-pipeline.ts'
import { failBackObject, failBackStatus, failBackText } from '../reports/fail-back-report.ts'
import type { RunFlags, Session } from '../session.ts'

/** `failback`. */
export function define(command: Command, session: Session): void {
  addHandOverFlags(addPipelineFlags(command)).addHelpText(
    'after',
    `
Stop the group's consumers on the target first. Then its positions there are translated back by the same offset
map, set on the source, and proven record by record; from then on the group is kept in step again. Records that
were written on the target since the fail-over are not on the source, and the report says where a group has read
past them.

Example:
  kafka-backup failback --group orders -f k2k.yaml`,
  )
  addRunFlags(command)
  command.action(async (flags: HandOverFlags & RunFlags) => run(flags, session))
}

async function run(flags: HandOverFlags & RunFlags, session: Session): Promise<void> {
  const format = pipelineFormat(flags)
  const group = required(flags.group, '--group')
  await session.show(flags)
  const { job, pipeline } = await openSync(flags, session)
  const { failBack } = await import('../../replicate/index.ts')
  const report = await handOverContext(flags, pipeline, session, (context) => failBack(job, group, context))
  await session.print(format, failBackObject(report), () => failBackText(report))
  session.status = failBackStatus(report)
}
