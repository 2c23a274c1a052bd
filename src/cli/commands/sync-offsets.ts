import type { Command } from 'commander'
import type { SyncReport } from '../../replicate/index.ts'
import { addListenFlag, addPipelineFlags, type PipelineFlags } from '../flags/pipeline-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { openSync, pipelineFormat } from '../pipeline/open-pipeline.ts'
import { withService } from '../pipeline/service.ts'
import { syncObject, syncStatus, syncText } from '../reports/sync-report.ts'
import type { RunFlags, Session } from '../session.ts'

interface Flags extends PipelineFlags, RunFlags {
  readonly once?: boolean
  readonly emitMm2?: string
}

const part = 'group sync'

/** `sync-offsets`. */
export function define(command: Command, session: Session): void {
  addListenFlag(addPipelineFlags(command))
    .option('--once', 'one round, a report, and the end')
    .option('--emit-mm2 <alias>', "also write MirrorMaker 2's checkpoints, to <alias>.checkpoints.internal")
    .addHelpText(
      'after',
      `
Every pollInterval the positions of the chosen groups are read on the source, translated by the offset map that
the replication publishes, and committed on the target, so that each group goes on there with exactly its next
record. Groups with members on the target, and positions that an application there has committed by itself, are
left alone. Runs until stopped: SIGTERM finishes the round and exits 130.

Of several programs of one pipeline one has the turn; the others stand by and take over when it ends.

Examples:
  kafka-backup sync-offsets -f k2k.yaml
  kafka-backup sync-offsets -f k2k.yaml -f production.yaml --listen 127.0.0.1:9404
  kafka-backup sync-offsets -f k2k.yaml --once -o json`,
    )
  addRunFlags(command)
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = pipelineFormat(flags)
  await session.show(flags)
  const { pipeline, job } = await openSync(flags, session, { mm2Alias: flags.emitMm2 })
  const { runSync } = await import('../../replicate/index.ts')
  const report = await withService(
    session,
    pipeline,
    [part],
    async ({ telemetry, health }): Promise<SyncReport> => {
      return await runSync(job, {
        signal: session.signal,
        telemetry,
        clock: session.clock,
        once: flags.once ?? false,
        onRound: () => health.ready(part),
        onStandby: () => health.ready(part),
        onTrouble: (error) => health.unready(part, error.message),
      })
    },
  )
  await session.print(format, syncObject(report), () => syncText(report))
  session.status = report.interrupted ? 130 : syncStatus(report)
}
