import type { Command } from 'commander'
import { addPipelineFlags, type PipelineFlags } from '../flags/pipeline-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { surveyObject, surveyText } from '../reports/survey-report.ts'
import type { RunFlags, Session } from '../session.ts'
import { openSync, pipelineFormat } from './open-pipeline.ts'

/** `replicate status`. */
export function defineReplicateStatus(command: Command, session: Session): void {
  const status = command
    .command('status')
    .description('Show how far a pipeline has copied, and where each group stands. Changes nothing.')
  addPipelineFlags(status).addHelpText(
    'after',
    `
Read from both clusters and the topics on the target; no worker is asked.

Example:
  kafka-backup replicate status -f k2k.yaml`,
  )
  addRunFlags(status)
  status.action(async (flags: PipelineFlags & RunFlags) => {
    const format = pipelineFormat(flags)
    await session.show(flags)
    const { job } = await openSync(flags, session)
    const { surveyPipeline } = await import('../../replicate/index.ts')
    const { signal, telemetry, clock } = session
    const survey = await surveyPipeline(job, { signal, telemetry, clock })
    await session.print(format, surveyObject(survey), () => surveyText(survey))
    if (survey.groups.unread.length > 0) session.status = 3
  })
}
