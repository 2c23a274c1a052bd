import * as z from 'zod'
import { backupSchema } from './backup-schema.ts'
import { clusterSchema } from './cluster-schema.ts'
import { restoreSchema } from './restore-schema.ts'
import { metricsSchema, offsetResetSchema, offsetStorageSchema } from './side-schemas.ts'
import { storageSchema } from './storage-schema.ts'
import {
  checksSchema,
  evidenceSchema,
  notificationsSchema,
  pitrTimestamp,
  triggeredBy,
} from './validation-schema.ts'
import { choice, id, ignored } from './values.ts'

/** A whole configuration file. Which sections a command needs is checked afterwards, with the command's name in the message. */
export const rootSchema = z.strictObject(
  {
    mode: choice(['backup', 'restore'])
      .optional()
      .describe('What the file is for; a command for the other thing refuses it.'),
    backup_id: id().optional().describe('Name of the backup in the archive.'),
    source: clusterSchema.optional().describe('The cluster to read from.'),
    target: clusterSchema.optional().describe('The cluster to write to.'),
    storage: storageSchema.optional().describe('Where the archive lives.'),
    backup: backupSchema.optional().describe('What a backup does.'),
    restore: restoreSchema.optional().describe('What a restore does.'),
    offset_reset: offsetResetSchema.optional().describe('How offset-reset chooses positions.'),
    offset_storage: offsetStorageSchema.optional().describe('Known from other tools.'),
    metrics: metricsSchema.optional().describe('Known from other tools.'),
    logging: ignored('use --log-level and --log-format'),
    checks: checksSchema.optional().describe('Of validation files: known from other tools.'),
    evidence: evidenceSchema.optional().describe('Of validation files: known from other tools.'),
    notifications: notificationsSchema.optional().describe('Of validation files: known from other tools.'),
    pitr_timestamp: pitrTimestamp,
    triggered_by: triggeredBy,
  },
  'expected the keys of a configuration file',
)

/** The JSON Schema of configuration files, draft 2020-12: for editors, and for finding the keys that are near a mistake. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(rootSchema, { io: 'input', unrepresentable: 'any' })
  return { title: 'Tidemark configuration', ...schema }
}
