import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { JobContext } from '../../storage/index.ts'
import { type ArchiveFlags, addArchiveFlags, archiveOf } from '../flags/archive-flags.ts'
import { addClusterFlags } from '../flags/cluster-flags.ts'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { addScanFlags } from '../flags/scan-flags.ts'
import { withJobContext } from '../job-context.ts'
import { asksForLive, type LiveFlags, showLive } from '../live-mapping.ts'
import { jsonText, yamlText } from '../render/machine-formats.ts'
import type { MappingTopic } from '../reports/offset-mapping.ts'
import type { RunFlags, Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'

const formats: readonly Format[] = ['text', 'json', 'csv', 'yaml']

type Flags = ArchiveFlags & FormatFlags & LiveFlags & RunFlags

/** `show-offset-mapping`. */
export function define(command: Command, session: Session): void {
  addArchiveFlags(command)
    .option('--topic <pattern>', 'only these topics: a name, glob or ~regex')
    .option('--all-topics', 'all topics of the cluster that hold records of the source')
    .option('--restore-id <id>', 'show where this restore put each offset; `newest` for the newest one')
    .option('--output <file>', 'write to a file instead of standard output')
  addScanFlags(addClusterFlags(command))
  addRunFlags(addFormatFlags(command, formats)).addHelpText(
    'after',
    `
Of a backup: the offsets that it holds of each partition; with --restore-id: source offset → target offset.
Of a cluster: source offset → target offset, read from the headers of live topics. Printed as JSON unless told
otherwise; records that are not in the map are counted on stderr.

Examples:
  kafka-backup show-offset-mapping --bootstrap-servers kafka-dr:9092 --topic orders --source-cluster prod-us-east-1
  kafka-backup show-offset-mapping --bootstrap-servers kafka-dr:9092 --all-topics --source-cluster prod-us-east-1 \\
    --output mapping.json
  kafka-backup show-offset-mapping --path /data/backups --backup-id nightly
  kafka-backup show-offset-mapping -p /data/backups -b nightly --format csv > offset-mapping.csv
  kafka-backup show-offset-mapping -p /data/backups -b nightly --restore-id newest --format json --output mapping.json`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags, formats)
  await session.show(flags)
  if (asksForLive(flags)) return await showLive(flags, format, session)
  const { spec, backupId, config } = await archiveOf(flags)
  await withJobContext(session, spec, async (context) => {
    const pieces =
      flags.restoreId === undefined
        ? [await heldOffsets(backupId, flags, format, context)]
        : await restoredOffsets(backupId, flags, format, context, config.restore?.stateFolder)
    if (flags.output !== undefined) await writeTextFile(flags.output, pieces)
    else await session.out.writeAll(pieces)
  })
}

/** What the backup holds. */
async function heldOffsets(
  backupId: string,
  flags: Flags,
  format: Format,
  context: JobContext,
): Promise<string> {
  const { openBackup } = await import('../../archive/index.ts')
  const { indexRows } = await import('../../offsets/index.ts')
  const { mappingCsv, mappingObject, mappingText } = await import('../reports/offset-mapping.ts')
  const { nameFilter } = await import('../../base/index.ts')
  await using reader = await openBackup(context.store, backupId, { signal: context.signal })
  const summary = await reader.summary()
  const isWanted = nameFilter(flags.topic === undefined ? [] : [flags.topic])
  const topics: MappingTopic[] = []
  const byName = summary.topics.toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
  for (const { topic, topicId, superseded } of byName) {
    if (superseded || !isWanted(topic)) continue
    topics.push({ topic, topicId, rows: indexRows(await reader.topic(topic, topicId)) })
  }
  if (topics.length === 0 && flags.topic !== undefined) {
    throw new TidemarkError('TOPIC_NOT_FOUND', `The backup ${backupId} holds no topic ${flags.topic}`, {
      hint: '`kafka-backup describe` lists its topics.',
      details: { topic: flags.topic },
    })
  }
  if (format === 'text') return mappingText(backupId, topics)
  if (format === 'csv') return mappingCsv(topics)
  const object = mappingObject(backupId, reader.commit, topics)
  return format === 'json' ? jsonText(object) : await yamlText(object)
}

/** Where a restore put it. */
async function restoredOffsets(
  backupId: string,
  flags: Flags,
  format: Format,
  context: JobContext,
  stateFolder: string | undefined,
): Promise<Iterable<string>> {
  const { mapsOfRestore } = await import('../restore-maps.ts')
  const { MapSet, mapSetToCsv, mapSetToJson } = await import('../../offsets/index.ts')
  const { nameFilter } = await import('../../base/index.ts')
  const { maps } = await mapsOfRestore(context, backupId, {
    ...(flags.restoreId !== 'newest' && flags.restoreId !== undefined && { restoreId: flags.restoreId }),
    stateFolder,
  })
  const isWanted = nameFilter(flags.topic === undefined ? [] : [flags.topic])
  const set = new MapSet(
    maps,
    maps.maps.filter((map) => isWanted(map.sourceTopic)),
  )
  if (format === 'csv') return mapSetToCsv(set)
  if (format === 'json') return mapSetToJson(set)
  if (format === 'yaml') return [await yamlText(JSON.parse([...mapSetToJson(set)].join('')))]
  const { restoredText } = await import('../reports/offset-mapping.ts')
  return [restoredText(set)]
}
