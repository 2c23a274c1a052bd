import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Replication, ReplicationReport } from '../../replicate/index.ts'
import type { Health } from '../../server/index.ts'
import { addListenFlag, addPipelineFlags, type PipelineFlags } from '../flags/pipeline-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { CopyProgress } from '../pipeline/copy-progress.ts'
import { keepHeapLean } from '../pipeline/lean-heap.ts'
import { openPipeline, pipelineFormat } from '../pipeline/open-pipeline.ts'
import { defineReplicateStatus } from '../pipeline/replicate-status.ts'
import { type Service, withService } from '../pipeline/service.ts'
import { replicationObject, replicationText } from '../reports/replication-report.ts'
import type { RunFlags, Session } from '../session.ts'

const part = 'copy'
/** Ms between two looks at the worker, for health and progress. */
const interval = 1_000

/** `replicate` and `replicate status`. */
export function define(command: Command, session: Session): void {
  command.enablePositionalOptions().usage('[options] | replicate status [options]')
  addRunFlags(addListenFlag(addPipelineFlags(command))).addHelpText(
    'after',
    `
Copies record batches as they are, each record once, and publishes where it went. Started again on another
machine with the same files it shares the work: Kafka's own group protocol on the target gives each worker its
part, and the part of one that died to the others. Runs until stopped: SIGTERM finishes the open transactions
and exits 130.

Examples:
  kafka-backup replicate -f k2k.yaml
  kafka-backup replicate -f k2k.yaml -f production.yaml --listen 0.0.0.0:9404 --log-format json
  kafka-backup replicate status -f k2k.yaml`,
  )
  command.action(async (flags: PipelineFlags & RunFlags) => run(flags, session))
  defineReplicateStatus(command, session)
}

async function run(flags: PipelineFlags & RunFlags, session: Session): Promise<void> {
  keepHeapLean()
  const format = pipelineFormat(flags)
  await session.show(flags)
  const pipeline = await openPipeline(flags, 'replicate', session)
  const { replicate: job } = pipeline
  if (job === undefined) throw new TidemarkError('INTERNAL', 'A checked pipeline has no job')
  const { startReplication } = await import('../../replicate/index.ts')
  const report = await withService(session, pipeline, [part], async (service) => {
    const { signal, clock } = session
    const running = startReplication(job, { signal, telemetry: service.telemetry, clock })
    return await watched(running, service, session)
  })
  await session.print(format, replicationObject(report), () => replicationText(report))
  session.status = report.interrupted ? 130 : 0
}

/** Tells health and progress how the worker is, until it ends. */
async function watched(
  running: Replication,
  { health }: Service,
  session: Session,
): Promise<ReplicationReport> {
  const progress = new CopyProgress(session.progress)
  const look = () => {
    const status = running.status()
    tellHealth(health, status.state, status.partitions)
    progress.show(status)
  }
  const timer = setInterval(look, interval)
  try {
    return await running.done
  } finally {
    clearInterval(timer)
    health.unready(part, 'ended')
  }
}

function tellHealth(
  health: Health,
  state: string,
  partitions: ReturnType<Replication['status']>['partitions'],
): void {
  const failed = partitions.find((partition) => partition.state === 'failed')
  if (state !== 'running') health.unready(part, state)
  else if (failed === undefined) health.ready(part)
  else health.unready(part, `${failed.topic}/${failed.partition}: ${failed.reason ?? 'failed'}`)
}
