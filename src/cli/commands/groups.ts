import type { Command } from 'commander'
import { defineCopy } from '../groups/copy.ts'
import { defineExport, defineImport } from '../groups/csv.ts'
import { defineDeleteOffsets } from '../groups/delete-offsets.ts'
import { defineHold } from '../groups/hold.ts'
import { defineDescribe, defineList } from '../groups/look.ts'
import { defineRename } from '../groups/rename.ts'
import type { Session } from '../session.ts'

/** `groups list|describe|copy|rename|delete-offsets|export|import|hold`. */
export function define(command: Command, session: Session): void {
  command.usage('list|describe|copy|rename|delete-offsets|export|import|hold [options]').addHelpText(
    'after',
    `
Groups of every type: classic, consumer (KIP-848), streams and share. The positions of a share group are its start
offsets. What changes positions has --dry-run, refuses groups that are in use, saves a snapshot first, and reads back.

Examples:
  kafka-backup groups list --bootstrap-servers kafka:9092
  kafka-backup groups describe --groups orders --bootstrap-servers kafka:9092
  kafka-backup groups hold --groups 'orders-*' --bootstrap-servers kafka-dr:9092`,
  )
  defineList(command, session)
  defineDescribe(command, session)
  defineCopy(command, session)
  defineRename(command, session)
  defineDeleteOffsets(command, session)
  defineExport(command, session)
  defineImport(command, session)
  defineHold(command, session)
}
