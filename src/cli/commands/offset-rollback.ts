import type { Command } from 'commander'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import {
  addSnapshotFlags,
  addSnapshotPlaceFlags,
  type SnapshotFlags,
  type SnapshotPlaceFlags,
} from '../flags/snapshot-flags.ts'
import type { Session } from '../session.ts'
import { withSnapshot } from '../snapshots/chosen-snapshot.ts'
import { defineRollback } from '../snapshots/roll-back.ts'
import { withSnapshotFolder } from '../snapshots/snapshot-folder.ts'
import { defineSnapshot } from '../snapshots/take.ts'
import { defineVerify } from '../snapshots/verify.ts'

/** `offset-rollback snapshot|list|show|rollback|verify|delete`. */
export function define(command: Command, session: Session): void {
  command.usage('snapshot|list|show|rollback|verify|delete [options]').addHelpText(
    'after',
    `
A snapshot knows every position of its groups, and where they had none. offset-reset, restores and kmap take one before
they change anything: roll back to those as well (in an archive they lie below offset-snapshots).

Examples:
  kafka-backup offset-rollback snapshot --path /data/offset-snapshots --groups orders --bootstrap-servers kafka:9092
  kafka-backup offset-rollback list --path /data/offset-snapshots
  kafka-backup offset-rollback rollback --path /data/offset-snapshots \\
    --snapshot-id snapshot-20241203-100000 --bootstrap-servers kafka:9092`,
  )
  defineSnapshot(command, session)
  defineList(command, session)
  defineShow(command, session)
  defineRollback(command, session)
  defineVerify(command, session)
  defineDelete(command, session)
}

function defineList(command: Command, session: Session): void {
  const list = command.command('list').description('List the snapshots of a folder, the newest first.')
  addFormatFlags(addSnapshotPlaceFlags(list)).addHelpText(
    'after',
    `
Examples:
  kafka-backup offset-rollback list --path /data/offset-snapshots
  kafka-backup offset-rollback list --path s3://my-backups/kafka -o json`,
  )
  list.action(async (flags: SnapshotPlaceFlags & FormatFlags) => {
    const format = formatOf(flags)
    const { listSnapshots } = await import('../../offsets/index.ts')
    const reports = await import('../reports/snapshot-list.ts')
    await withSnapshotFolder(flags, session, async (folder) => {
      const found = await listSnapshots(folder, { signal: session.signal })
      if (found.some((one) => 'error' in one)) session.status = 3
      await session.print(format, reports.snapshotListObject(folder.url, found), () =>
        reports.snapshotListText(folder.url, found),
      )
    })
  })
}

function defineShow(command: Command, session: Session): void {
  const show = command.command('show').description('Show the positions that a snapshot holds.')
  addFormatFlags(addSnapshotFlags(show)).addHelpText(
    'after',
    `
Examples:
  kafka-backup offset-rollback show --path /data/offset-snapshots --snapshot-id snapshot-20241203-100000
  kafka-backup offset-rollback show --snapshot pre-reset-snapshot.json -o json`,
  )
  show.action(async (flags: SnapshotFlags & FormatFlags) => {
    const format = formatOf(flags)
    const reports = await import('../reports/snapshot-report.ts')
    await withSnapshot(flags, session, async ({ written, whole }) => {
      await session.print(format, reports.snapshotObject(written, whole), () =>
        reports.snapshotText(written, whole),
      )
    })
  })
}

function defineDelete(command: Command, session: Session): void {
  const remove = command.command('delete').description('Delete a snapshot on which no other one builds.')
  addSnapshotPlaceFlags(remove).option(
    '--snapshot-id <id>',
    'the snapshot, as `offset-rollback list` names it',
  )
  addFormatFlags(remove).addHelpText(
    'after',
    `
Example:
  kafka-backup offset-rollback delete --path /data/offset-snapshots --snapshot-id snapshot-20241203-090000`,
  )
  remove.action(async (flags: SnapshotFlags & FormatFlags) => {
    const format = formatOf(flags)
    const id = required(flags.snapshotId, '--snapshot-id')
    const { deleteSnapshot } = await import('../../offsets/index.ts')
    await withSnapshotFolder(flags, session, async (folder) => {
      await deleteSnapshot(folder, id, { signal: session.signal })
      await session.print(format, { deleted: id, folder: folder.url }, () => `Deleted ${id}\n`)
    })
  })
}
