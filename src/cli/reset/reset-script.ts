import type { Command } from 'commander'
import type { Cluster } from '../../kafka/index.ts'
import type { Plan, SnapshotPlace } from '../../offsets/index.ts'
import { addResetFlags, type ResetFlags } from '../flags/reset-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { lacksGroups } from '../reports/notice-object.ts'
import { isRefused } from '../reports/reset-plan.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { checkWritable, readTextFile, writeTextFile } from '../text-file.ts'
import { planFor } from './plan-for.ts'
import { refuseBesidePlan, snapshotsOfPlan } from './plan-of-file.ts'
import { sayNotices } from './say-notices.ts'

interface ScriptFlags extends ResetFlags, RunFlags {
  readonly plan?: string
  readonly output?: string
}

interface MadeScript {
  readonly text: string
  readonly refused: boolean
  /** A group that was wanted is not in it. */
  readonly lacking: boolean
}

/** `offset-reset script`. */
export function defineScript(command: Command, session: Session): void {
  const script = command
    .command('script')
    .description("Print a bash script that sets the positions with Kafka's own kafka-consumer-groups.sh.")
  addResetFlags(script)
    .option('--plan <file>', 'the script of this plan, as `offset-reset plan --output` wrote it')
    .option('--snapshot-path <folder|url>', 'where snapshots lie; else the archive, or ./offset-snapshots')
    .option('--output <file>', 'write the script to a file, executable')
  addRunFlags(script).addHelpText(
    'after',
    `
The script finds the tool in KAFKA_CONSUMER_GROUPS or on the PATH, and exits 0 only when every position is set. Where it
translates the positions of the target itself, those are saved as a snapshot: they must not be translated twice.

Examples:
  kafka-backup offset-reset script -p /data/backups -b nightly -g orders \\
    --bootstrap-servers kafka-dr:9092 --output reset.sh
  kafka-backup offset-reset script --plan reset-plan.json --bootstrap-servers kafka-dr:9092`,
  )
  script.action(async (flags: ScriptFlags) => {
    await session.show(flags)
    if (flags.plan !== undefined) refuseBesidePlan(flags)
    await checkWritable(flags.output)
    const { text, refused, lacking } = await (flags.plan === undefined
      ? fromPositions(flags, session)
      : fromFile(flags.plan, flags, session))
    session.settle()
    if (flags.output === undefined) session.out.write(text)
    else await writeTextFile(flags.output, [text], 0o755)
    if (refused) session.log('warn', 'Some positions cannot be set: the script says which, and exits 1')
    session.status = refused || lacking ? 3 : 0
  })
}

async function fromPositions(flags: ScriptFlags, session: Session): Promise<MadeScript> {
  return await planFor(flags, session, (plan, { cluster, snapshots }) =>
    make(plan, cluster, snapshots, session),
  )
}

async function fromFile(file: string, flags: ScriptFlags, session: Session): Promise<MadeScript> {
  const { planFromJson } = await import('../../offsets/index.ts')
  const plan = planFromJson(await readTextFile(file), file)
  await using cluster = await connectTarget(flags, session)
  await using snapshots = await snapshotsOfPlan(flags, session)
  return await make(plan, cluster, snapshots, session)
}

async function make(
  plan: Plan,
  cluster: Cluster,
  snapshots: SnapshotPlace,
  session: Session,
): Promise<MadeScript> {
  const { checkPlanCluster, recordPlan, resetScript, translatesTarget } = await import(
    '../../offsets/index.ts'
  )
  checkPlanCluster(plan, cluster.clusterId)
  sayNotices(plan, session)
  if (translatesTarget(plan)) {
    const description = 'Before a script that translates these positions'
    const id = await recordPlan(plan, cluster, { ...snapshots, description }, { signal: session.signal })
    if (id !== undefined)
      session.log('info', `The positions are saved as ${id}: they are not translated again`)
  }
  return {
    text: resetScript(plan, { bootstrapServers: cluster.options.bootstrap.join(',') }),
    refused: isRefused(plan),
    lacking: lacksGroups(plan.notices),
  }
}
