import { damaged } from './damaged.ts'
import { keys } from './keys.ts'
import type { BackupIdentity } from './model.ts'
import { formatVersion, openJson, sealJson } from './sealed-json.ts'

const kind = 'tidemark-backup'

/** An identity as read, with the checksum that commit 1 names. */
export interface StoredIdentity {
  readonly identity: BackupIdentity
  readonly sha256: string
}

export function encodeIdentity(identity: BackupIdentity, token: string): Buffer {
  return sealJson({
    kind,
    format: formatVersion,
    backup_id: identity.backupId,
    token,
    source_cluster_id: identity.sourceClusterId,
    source_name: identity.sourceName ?? null,
    created: identity.created,
    software: identity.software,
  }).bytes
}

export function decodeIdentity(bytes: Buffer, backupId: string): StoredIdentity {
  const { fields, sha256 } = openJson(bytes, keys.identity, kind)
  checkBackupId(fields.text('backup_id'), backupId, keys.identity)
  return {
    sha256,
    identity: {
      formatVersion: fields.count('format'),
      backupId,
      sourceClusterId: fields.text('source_cluster_id'),
      sourceName: fields.optionalText('source_name'),
      created: fields.count('created'),
      software: fields.text('software'),
    },
  }
}

/** Throws ARCHIVE_DAMAGED when an object belongs to another backup. */
export function checkBackupId(found: string, expected: string, object: string): void {
  if (found !== expected) throw damaged(object, `belongs to the backup ${JSON.stringify(found)}`)
}
