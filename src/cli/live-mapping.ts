import { parseNamePattern, TidemarkError } from '../base/index.ts'
import type { Cluster } from '../kafka/index.ts'
import type { HeaderScan, ScanTopic } from '../offsets/index.ts'
import type { ClusterFlags } from './flags/cluster-flags.ts'
import type { Format, FormatFlags } from './flags/format-flags.ts'
import { required } from './flags/required.ts'
import { type ScanFlags, scanOptions, topicMappingOf } from './flags/scan-flags.ts'
import { yamlText } from './render/machine-formats.ts'
import type { Session } from './session.ts'
import { connectTarget } from './target-cluster.ts'
import { writeTextFile } from './text-file.ts'

export interface LiveFlags extends ClusterFlags, ScanFlags, FormatFlags {
  readonly config?: string
  readonly path?: string
  readonly backupId?: string
  readonly restoreId?: string
  readonly topic?: string
  readonly allTopics?: boolean
  readonly output?: string
}

/** Whether the flags ask for the map of live topics, not for that of an archive. */
export function asksForLive(flags: LiveFlags): boolean {
  return flags.bootstrapServers !== undefined || flags.sourceCluster !== undefined || flags.allTopics === true
}

/** Prints the map out of the headers of live topics, as JSON unless `wanted` was asked for. */
export async function showLive(flags: LiveFlags, wanted: Format, session: Session): Promise<void> {
  refuseArchive(flags)
  const asked = flags.format !== undefined || flags.o !== undefined
  const scan = await scanLive(flags, session)
  const { scannedText } = await import('./reports/offset-mapping.ts')
  const text = scannedText(scan)
  const format = asked ? wanted : 'json'
  const pieces = format === 'text' ? [text] : await scanPieces(scan, format)
  if (flags.output !== undefined) await writeTextFile(flags.output, pieces)
  else await session.out.writeAll(pieces)
  // Who has not asked for a form gets the one for programs, and beside it the one for people.
  if (asked && flags.output === undefined) return
  for (const line of text.trimEnd().split('\n')) session.log('info', line)
}

function refuseArchive(flags: LiveFlags): void {
  const given = [
    ['--path', flags.path],
    ['--backup-id', flags.backupId],
    ['--restore-id', flags.restoreId],
  ].find(([, value]) => value !== undefined)
  if (given === undefined) return
  throw new TidemarkError('USAGE', `${given[0]} is for the map of a backup, not for that of live topics`, {
    hint: 'Leave it out, or leave out --bootstrap-servers, --source-cluster and --all-topics.',
  })
}

/** The map out of the headers of live topics. What is to be known about it goes to stderr. */
async function scanLive(flags: LiveFlags, session: Session): Promise<HeaderScan> {
  const sourceCluster = required(flags.sourceCluster, '--source-cluster')
  if ((flags.topic === undefined) === !flags.allTopics) {
    throw new TidemarkError('USAGE', 'Name the topics with --topic, or ask for --all-topics')
  }
  const options = scanOptions(flags)
  const mapping = topicMappingOf(flags.topicMapping)
  await using cluster = await connectTarget(flags, session)
  const topics = await topicsToScan(cluster, flags.topic ?? '*', mapping, session.signal)
  const { scanHeaders } = await import('../offsets/index.ts')
  const { signal, progress, clock } = session
  const scan = await scanHeaders(cluster, {
    ...options,
    topics,
    sourceCluster,
    signal,
    progress,
    now: clock.now(),
  })
  session.settle()
  for (const { message } of scan.notices) session.log('warn', message)
  return scan
}

/** The scan in one of the machine formats. */
async function scanPieces(scan: HeaderScan, format: Exclude<Format, 'text'>): Promise<Iterable<string>> {
  const { mapSetToCsv, mapSetToJson } = await import('../offsets/index.ts')
  const { scanMembers } = await import('./reports/offset-mapping.ts')
  if (format === 'csv') return mapSetToCsv(scan.maps)
  const json = mapSetToJson(scan.maps, { more: scanMembers(scan) })
  return format === 'json' ? json : [await yamlText(JSON.parse([...json].join('')))]
}

/**
 * The topics that a pattern chooses, by their names here; an exact name may also be that at the source. A topic that is named must be
 * there and hold headers; others are left out when they do not. Rejects with TOPIC_NOT_FOUND.
 */
async function topicsToScan(
  cluster: Cluster,
  text: string,
  mapping: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly ScanTopic[]> {
  const sources = new Map([...mapping].map(([source, target]) => [target, source]))
  const scanned = (target: string): ScanTopic => {
    const source = sources.get(target)
    return source === undefined ? { target } : { target, source }
  }
  const pattern = parseNamePattern(text)
  if (pattern.literal) return [scanned(mapping.get(text) ?? text)]
  const names = (await cluster.topics(undefined, { signal }))
    .filter(({ internal, name }) => !internal && pattern.matches(name))
    .map(({ name }) => name)
    .sort()
  if (names.length > 0) return names.map((target) => ({ ...scanned(target), optional: true }))
  throw new TidemarkError(
    'TOPIC_NOT_FOUND',
    text === '*' ? 'The cluster has no topics' : `The cluster has no topic ${text}`,
    {
      hint: 'Topics that the principal may not describe are not seen: check the name and the ACL Describe.',
      details: { topic: text },
    },
  )
}
