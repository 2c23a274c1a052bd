import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { firstFew, nameFilter, TidemarkError } from '../../base/index.ts'
import type { Snapshot, TakenSnapshot } from '../../offsets/index.ts'
import { addClusterFlags, type ClusterFlags } from '../flags/cluster-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { collect } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { addSnapshotPlaceFlags, type SnapshotPlaceFlags } from '../flags/snapshot-flags.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { SavedSnapshot } from '../reports/snapshot-report.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { readTextFile, writeTextFile } from '../text-file.ts'
import { readSnapshotFiles } from './chosen-snapshot.ts'
import { withSnapshotFolder } from './snapshot-folder.ts'

interface Flags extends SnapshotPlaceFlags, ClusterFlags, FormatFlags, RunFlags {
  readonly groups?: string
  readonly description?: string
  readonly snapshotId?: string
  readonly since?: readonly string[]
  readonly output?: string
  readonly allowEmpty?: boolean
}

/** `offset-rollback snapshot`. */
export function defineSnapshot(command: Command, session: Session): void {
  const snapshot = command
    .command('snapshot')
    .description('Save the positions of groups, to go back to; change nothing.')
  addSnapshotPlaceFlags(snapshot)
    .option('--output <file>', 'write the snapshot to this file, in place of --path')
    .option('-g, --groups <a,b,…>', 'consumer groups: names, globs or ~regex; else every one')
    .option('--description <text>', 'what it was taken for')
    .option('--snapshot-id <id>', 'its name; else made of date and time')
    .option('--since <id|file>', 'save only what changed since this snapshot', collect)
    .option('--allow-empty', 'save groups without positions although an earlier snapshot has some')
  addRunFlags(addFormatFlags(addClusterFlags(snapshot))).addHelpText(
    'after',
    `
Every position of each group is saved with its metadata; where a group has none, going back leaves it without. With
--output, --since names files: a complete one, then the differential ones after it.

Examples:
  kafka-backup offset-rollback snapshot --path /data/offset-snapshots --groups order-processor,payment-service \\
    --bootstrap-servers kafka:9092 --description "Before restore operation"
  kafka-backup offset-rollback snapshot -p s3://my-backups/offsets --since snapshot-20241203-100000
  kafka-backup offset-rollback snapshot --groups order-processor --output pre-reset-snapshot.json`,
  )
  snapshot.action(async (flags: Flags) => {
    const format = formatOf(flags)
    await session.show(flags)
    if (flags.output !== undefined && flags.path !== undefined) {
      throw new TidemarkError('USAGE', 'A snapshot goes to a folder or to a file, and both are named', {
        hint: 'Give either --path FOLDER or --output FILE.',
      })
    }
    if ((flags.output ?? flags.path ?? flags.config) === undefined) {
      throw new TidemarkError('USAGE', 'No place for the snapshot is named', {
        hint: 'Give --path FOLDER, --path s3://bucket/prefix, --output FILE, or -c FILE with a storage section.',
      })
    }
    const saved =
      flags.output === undefined
        ? await intoFolder(flags, session)
        : await intoFile(flags.output, flags, session)
    const reports = await import('../reports/snapshot-report.ts')
    await session.print(format, reports.savedObject(saved), () => reports.savedText(saved))
  })
}

async function intoFolder(flags: Flags, session: Session): Promise<SavedSnapshot> {
  const { emptiedError, emptiedSince, loadWholeSnapshot, saveSnapshot, snapshotSince } = await import(
    '../../offsets/index.ts'
  )
  const { signal } = session
  const [since, ...more] = flags.since ?? []
  if (more.length > 0) {
    throw new TidemarkError('USAGE', 'Several snapshots are named with --since', {
      hint: 'Name the newest one: what that one builds on is found by itself.',
    })
  }
  return await withSnapshotFolder(flags, session, async (folder) => {
    const base = since === undefined ? undefined : (await loadWholeSnapshot(folder, since, { signal })).whole
    const taken = await take(flags, session)
    if (!flags.allowEmpty) {
      const emptied = await emptiedSince(folder, taken.draft, await patternsOf(flags), { signal })
      if (emptied.length > 0) throw emptiedError(emptied, emptyHint)
    }
    const draft = base === undefined ? taken.draft : snapshotSince(base, taken.draft)
    const { snapshotId: id } = flags
    const snapshot = await saveSnapshot(folder, draft, { signal, ...(id !== undefined && { id }) })
    return { snapshot, taken, place: folder.url }
  })
}

async function intoFile(output: string, flags: Flags, session: Session): Promise<SavedSnapshot> {
  const { emptiedBetween, emptiedError, snapshotId, snapshotSince, snapshotToJson } = await import(
    '../../offsets/index.ts'
  )
  const base = flags.since === undefined ? undefined : (await readSnapshotFiles(flags.since)).whole
  const taken = await take(flags, session)
  const wanted = nameFilter(await patternsOf(flags))
  const replaced = await snapshotIn(output)
  if (replaced !== undefined) {
    checkSameGroups(output, replaced, taken.draft)
    const emptied = emptiedBetween(replaced, taken.draft, wanted)
    if (emptied.length > 0)
      throw emptiedError(
        emptied,
        `Nothing was written to ${output}: name another file, or check the address.`,
      )
  }
  if (base !== undefined && !flags.allowEmpty) {
    const emptied = emptiedBetween(base, taken.draft, wanted)
    if (emptied.length > 0) throw emptiedError(emptied, emptyHint)
  }
  const draft = base === undefined ? taken.draft : snapshotSince(base, taken.draft)
  const snapshot = { ...draft, id: flags.snapshotId ?? snapshotId(draft.created) }
  await writeTextFile(output, [snapshotToJson(snapshot)])
  return { snapshot, taken, place: output }
}

const emptyHint =
  'Check the address, the names and the rights; --allow-empty if they really have none any more.'

async function take(flags: Flags, session: Session): Promise<TakenSnapshot> {
  const { takeSnapshot } = await import('../../offsets/index.ts')
  await using cluster = await connectTarget(flags, session)
  const taken = await takeSnapshot(cluster, {
    signal: session.signal,
    now: session.clock.now(),
    description: flags.description ?? '',
    groups: await patternsOf(flags),
  })
  warn(taken, session)
  return taken
}

async function patternsOf({ groups }: Flags): Promise<readonly string[]> {
  return groups === undefined ? [] : splitPatterns([groups], '--groups')
}

/**
 * The snapshot that a file holds which is about to be replaced; undefined for an empty one. Pipes and terminals are not read. Rejects
 * with FILE_NOT_READABLE for a file that is something else: nobody has said that it may go.
 */
async function snapshotIn(file: string): Promise<Snapshot | undefined> {
  const { snapshotFromJson } = await import('../../offsets/index.ts')
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile() || found.size === 0) return undefined
  try {
    return snapshotFromJson(await readTextFile(file), file)
  } catch (cause) {
    throw new TidemarkError(
      'FILE_NOT_READABLE',
      `${file} is there already, and holds no snapshot that could be replaced`,
      {
        cause,
        hint: 'Name another file, or take that one away first.',
      },
    )
  }
}

/** Throws SNAPSHOT_EXISTS where a file holds positions of groups that the new snapshot does not speak of. */
function checkSameGroups(
  file: string,
  replaced: Snapshot,
  { groups }: Snapshot | TakenSnapshot['draft'],
): void {
  const named = new Set(groups.map(({ group }) => group))
  const lost = replaced.groups.filter(({ group, positions }) => positions.length > 0 && !named.has(group))
  const [first, ...more] = lost
  if (first === undefined) return
  throw new TidemarkError(
    'SNAPSHOT_EXISTS',
    `${file} holds positions of '${first.group}'${more.length === 0 ? '' : ` and ${plural(more.length, 'other group')}`}, which are not in the new snapshot`,
    { hint: 'Name another file, or take that one away first.', details: { group: first.group } },
  )
}

/** Everything that the reader should know before relying on the snapshot. */
function warn({ active, empty, unstable, share }: TakenSnapshot, session: Session): void {
  const say = (level: 'info' | 'warn', groups: readonly string[], what: string) => {
    if (groups.length === 0) return
    session.log(level, `${plural(groups.length, 'group')} ${what}: ${firstFew(groups.map(printable))}`)
  }
  const names = active.map(({ group }) => group)
  say('warn', names, 'with consumers, which read on: stop them before a change')
  say('warn', unstable, 'with a commit in an open transaction: the last decided one is saved')
  say('warn', empty, 'without positions: going back to this snapshot leaves them without')
  say('info', share, 'of type share: these brokers do not tell their start offsets')
}
