import type { Command } from 'commander'
import { nameFilter, TidemarkError } from '../../base/index.ts'
import type { OffsetsFile } from '../../offsets/index.ts'
import type { Checkpoint, OffsetSync } from '../../replicate/index.ts'
import { addClusterFlags, type ClusterFlags } from '../flags/cluster-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { checkpointsObject, checkpointsText, syncsObject, syncsText } from '../reports/mirror-report.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { writeTextFile } from '../text-file.ts'

interface Flags extends ClusterFlags, FormatFlags, RunFlags {
  readonly sourceAlias?: string
  readonly offsetSyncs?: string
  readonly groups?: string
  readonly output?: string
}

/** `mirror-positions`. */
export function define(command: Command, session: Session): void {
  command
    .option('--source-alias <alias>', 'read <alias>.checkpoints.internal: positions on the target')
    .option('--offset-syncs <topic>', 'read this topic of offset syncs instead: offsets on both sides')
    .option('-g, --groups <a,b,…>', 'only these groups: names, globs or ~regex')
    .option('--output <file>', 'also write the positions to a file, as kmap saves and restores them')
  addRunFlags(addFormatFlags(addClusterFlags(command))).addHelpText(
    'after',
    `
For moving over from MirrorMaker 2: what it knew of the groups, read from its own topics. Its positions lie
before or on the right record, never behind it, so that setting them skips nothing.

Examples:
  kafka-backup mirror-positions --source-alias primary --bootstrap-servers kafka-dr:9092
  kafka-backup mirror-positions --source-alias primary --bootstrap-servers kafka-dr:9092 --output positions.json
  kafka-backup mirror-positions --offset-syncs mm2-offset-syncs.dr.internal --bootstrap-servers kafka:9092`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  const { sourceAlias: alias, offsetSyncs: topic } = flags
  if ((alias === undefined) === (topic === undefined)) {
    throw new TidemarkError('USAGE', 'Either --source-alias or --offset-syncs is needed', {
      hint: 'Checkpoints say where groups stand, offset syncs which offsets belong together.',
    })
  }
  await session.show(flags)
  const { readCheckpoints, readOffsetSyncs } = await import('../../replicate/index.ts')
  await using cluster = await connectTarget(flags, session)
  if (topic !== undefined) {
    const syncs: readonly OffsetSync[] = await readOffsetSyncs(cluster, topic, session.signal)
    await session.print(format, syncsObject(topic, syncs), () => syncsText(topic, syncs))
    return
  }
  const isWanted = nameFilter(flags.groups === undefined ? [] : splitPatterns([flags.groups], '--groups'))
  const all = await readCheckpoints(cluster, alias ?? '', session.signal)
  const checkpoints = all.filter(({ group }) => isWanted(group))
  if (flags.output !== undefined) {
    const { offsetsToJson } = await import('../../offsets/index.ts')
    const bootstrap = cluster.options.bootstrap.join(',')
    await writeTextFile(flags.output, [
      offsetsToJson(offsetsFile(checkpoints, bootstrap, session.clock.now())),
    ])
  }
  await session.print(format, checkpointsObject(alias ?? '', checkpoints), () =>
    checkpointsText(alias ?? '', checkpoints),
  )
}

/** The positions on the target as a file of `kmap`. */
function offsetsFile(checkpoints: readonly Checkpoint[], cluster: string, taken: number): OffsetsFile {
  return {
    taken,
    cluster,
    base: undefined,
    removed: [],
    groups: [...Map.groupBy(checkpoints, ({ group }) => group)].map(([group, of]) => ({
      group,
      taken,
      topics: new Map(
        [...Map.groupBy(of, ({ topic }) => topic)].map(([topic, positions]) => [
          topic,
          positions.map(({ partition, offset, metadata }) => ({
            partition,
            offset,
            leaderEpoch: undefined,
            metadata,
            timestamp: undefined,
            lag: undefined,
          })),
        ]),
      ),
    })),
  }
}
