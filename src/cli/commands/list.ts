import type { Command } from 'commander'
import type { BackupReader, ListedBackup } from '../../archive/index.ts'
import { Budget, isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { StoreSpec } from '../../storage/index.ts'
import { type ArchiveFlags, addArchiveFlags, storeOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { withJobContext } from '../job-context.ts'
import { type ListedSummary, listObject, listText } from '../reports/backup-list.ts'
import type { Session } from '../session.ts'

/** Backups opened at the same time. */
const concurrency = 8

/** `list`. */
export function define(command: Command, session: Session): void {
  addFormatFlags(addArchiveFlags(command)).addHelpText(
    'after',
    `
Examples:
  kafka-backup list --path /data/backups
  kafka-backup list -p s3://my-backups/kafka -o json`,
  )
  command.action(async (flags: ArchiveFlags & FormatFlags) => run(flags, session))
}

async function run(flags: ArchiveFlags & FormatFlags, session: Session): Promise<void> {
  const format = formatOf(flags)
  const { spec } = await storeOf(flags)
  const { listBackups, openBackup } = await import('../../archive/index.ts')
  await withJobContext(session, spec, async ({ store, signal }) => {
    const found = await listBackups(store, { signal })
    if (found.length === 0) await refuseMissingFolder(spec)
    const wanted =
      flags.backupId === undefined ? found : found.filter(({ backupId }) => backupId === flags.backupId)
    // Opening it says what is there instead.
    if (flags.backupId !== undefined && wanted.length === 0)
      await openBackup(store, flags.backupId, { signal })
    const places = new Budget(concurrency)
    const backups = await Promise.all(
      wanted.map((backup) =>
        places.with(1, () => summarize(backup, () => openBackup(store, backup.backupId, { signal }))),
      ),
    )
    if (backups.some((backup) => 'error' in backup)) session.status = 3
    await session.print(format, listObject(store.url, backups), () => listText(store.url, backups))
  })
}

/** A folder that is not there is a mistake in its name, not an archive without backups. */
async function refuseMissingFolder(spec: StoreSpec): Promise<void> {
  if (spec.backend !== 'filesystem') return
  const { existsSync } = await import('node:fs')
  if (existsSync(spec.path)) return
  throw new TidemarkError('CONFIG_INVALID', `There is no folder ${spec.path}`, {
    hint: 'Give the folder of the archive with --path.',
  })
}

/** One damaged backup does not hide the others. */
async function summarize(backup: ListedBackup, open: () => Promise<BackupReader>): Promise<ListedSummary> {
  const { backupId, error } = backup
  if (error !== undefined) return { backupId, error }
  try {
    await using reader = await open()
    return { backupId, summary: await reader.summary() }
  } catch (thrown) {
    if (isTidemarkError(thrown, 'ARCHIVE_DAMAGED') || isTidemarkError(thrown, 'ARCHIVE_TOO_NEW')) {
      return { backupId, error: thrown }
    }
    throw thrown
  }
}
