import { TidemarkError } from '../../base/index.ts'
import type { Pipeline, PipelineOptions, PipelineProgram } from '../../config/index.ts'
import type { SyncJob } from '../../replicate/index.ts'
import { type Format, formatOf } from '../flags/format-flags.ts'
import { filesOf, type PipelineFlags } from '../flags/pipeline-flags.ts'
import type { Session } from '../session.ts'

export type PipelineFormat = Extract<Format, 'text' | 'json' | 'yaml'>

type MoreOptions = Pick<PipelineOptions, 'mm2Alias' | 'serves'>

/** The format asked for. Throws USAGE for another. */
export function pipelineFormat(flags: PipelineFlags): Format {
  return formatOf(flags, ['text', 'json', 'yaml'])
}

/** Reads the pipeline that the flags name, and names what has no effect. */
export async function openPipeline(
  flags: PipelineFlags,
  program: PipelineProgram,
  session: Session,
  more: MoreOptions = {},
): Promise<Pipeline> {
  const files = filesOf(flags)
  const { loadPipeline } = await import('../../config/index.ts')
  const pipeline = loadPipeline({ files, program, listen: flags.listen, ...more })
  for (const note of pipeline.notes) session.log('info', `note: ${note.key} ${note.message}`)
  return pipeline
}

/** The same for a command that is about groups; one that does not run on takes no notice of where metrics are pushed. */
export async function openSync(
  flags: PipelineFlags,
  session: Session,
  more: MoreOptions = { serves: false },
): Promise<{ readonly pipeline: Pipeline; readonly job: SyncJob }> {
  const pipeline = await openPipeline(flags, 'sync-offsets', session, more)
  if (pipeline.sync === undefined) throw new TidemarkError('INTERNAL', 'A checked pipeline has no job')
  return { pipeline, job: pipeline.sync }
}
