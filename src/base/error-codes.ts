/**
 * Every stable error code: the exit status of a command that ends with it, and what it means.
 * `docs/errors.md` holds the same table for users; a test compares the two both ways.
 *
 * Exit statuses: 1 failed, 2 usage or configuration, 3 partly done, 4 refused, 5 verification found a
 * difference, 130 interrupted.
 */
export const errorCodes = {
  INTERNAL: { exit: 1, meaning: 'A defect in Tidemark: an invariant did not hold' },
  INTERRUPTED: { exit: 130, meaning: 'Stopped by a signal; the same command goes on where it stopped' },
  USAGE: { exit: 2, meaning: 'The command line cannot be understood' },
  CONFIG_INVALID: {
    exit: 2,
    meaning: 'A configuration file, environment variable or flag has a wrong value',
  },
  CONFIG_UNKNOWN_KEY: { exit: 2, meaning: 'A configuration key is not known' },
  FILE_NOT_READABLE: { exit: 2, meaning: 'A file named by the user cannot be read or understood' },
  BROKER_UNREACHABLE: { exit: 2, meaning: 'No broker answered at the address within the connect timeout' },
  AUTHENTICATION_FAILED: { exit: 2, meaning: 'The broker refused the credentials or the TLS handshake' },
  AUTHORIZATION_FAILED: { exit: 2, meaning: 'The principal lacks an ACL that the command needs' },
  UNSUPPORTED_VERSION: { exit: 2, meaning: 'The broker is too old or too new for a request that is needed' },
  BROKER_ERROR: { exit: 1, meaning: 'A broker answered with an error that waiting did not cure' },
  REQUEST_TIMEOUT: { exit: 1, meaning: 'A broker did not answer within the delivery timeout' },
  CONNECTION_LOST: {
    exit: 1,
    meaning: 'The connection to a broker was cut and could not be had again in time',
  },
  PROTOCOL_ERROR: { exit: 1, meaning: 'A broker sent bytes that do not fit the protocol' },
  TOPIC_NOT_FOUND: { exit: 2, meaning: 'A topic named by the user does not exist' },
  GROUP_NOT_FOUND: {
    exit: 2,
    meaning: 'A consumer group named by the user does not exist or has no positions',
  },
  GROUP_ACTIVE: { exit: 4, meaning: 'The consumer group has members or its position moves' },
  GROUP_EXISTS: { exit: 4, meaning: 'The group that is to get positions has some already' },
  GROUP_TYPE_DIFFERS: {
    exit: 4,
    meaning: 'A share group has the name of a group of another type, or the other way round',
  },
  OFFSET_OUT_OF_RANGE: { exit: 4, meaning: 'A position lies outside the log of the partition' },
  MAP_TOO_LARGE: { exit: 2, meaning: 'The offset map has too many ranges to be listed one by one' },
  HEADERS_NOT_FOUND: {
    exit: 2,
    meaning: 'A topic holds no records whose headers say that they were copied from the source cluster',
  },
  SCAN_NEEDS_ALL_PARTITIONS: {
    exit: 4,
    meaning: 'Records were copied into other partitions than they came from, and not all were to be scanned',
  },
  SCAN_TIMEOUT: { exit: 1, meaning: 'A header scan did not end within the time that it was given' },
  PLAN_STALE: { exit: 4, meaning: 'A position or a topic is another one since the plan was made' },
  PLAN_ALTERED: { exit: 4, meaning: 'A plan file was changed after it was made' },
  POSITION_NOT_KEPT: { exit: 3, meaning: 'A position that was committed reads back differently' },
  SNAPSHOT_NOT_FOUND: { exit: 2, meaning: 'There is no snapshot of that id' },
  SNAPSHOT_EXISTS: {
    exit: 2,
    meaning: 'There is a snapshot of that id, or of other groups in that file, already',
  },
  SNAPSHOT_EMPTY: {
    exit: 4,
    meaning: 'A snapshot would hold no positions of a group that had some in an earlier one',
  },
  SNAPSHOT_NEEDED: { exit: 4, meaning: 'A snapshot cannot be deleted: others build on it' },
  RECORD_CORRUPT: { exit: 1, meaning: 'A record batch does not match its CRC-32C or cannot be decoded' },
  RECORD_TOO_LARGE: { exit: 4, meaning: 'A record is larger than the target topic takes' },
  STORAGE_NOT_FOUND: { exit: 1, meaning: 'An object is not in the store' },
  STORAGE_UNAVAILABLE: {
    exit: 1,
    meaning: 'The object store did not answer or answered with a passing error',
  },
  STORAGE_DENIED: { exit: 2, meaning: 'The object store refused the credentials or the permission' },
  STORAGE_FULL: { exit: 1, meaning: 'There is no space left in the store' },
  STORAGE_UNSUPPORTED: {
    exit: 2,
    meaning: 'The store lacks something that is needed, such as conditional put',
  },
  STORAGE_KEY_INVALID: { exit: 2, meaning: 'A name cannot be used for an object in a store' },
  BACKUP_NOT_FOUND: { exit: 2, meaning: 'The archive holds no backup of that id' },
  BACKUP_IN_USE: { exit: 4, meaning: 'Another process is writing the same backup' },
  ARCHIVE_DAMAGED: {
    exit: 4,
    meaning: 'An object of the archive is missing, cut, or not what its commit says',
  },
  ARCHIVE_TOO_NEW: { exit: 2, meaning: 'The backup was written by a newer version, in a newer format' },
  RESTORE_IN_USE: { exit: 4, meaning: 'Another process is running the same restore' },
  RESTORE_MISMATCH: {
    exit: 4,
    meaning: 'The journal of the restore belongs to another plan, target cluster or topic',
  },
  RESTORE_NOT_FOUND: { exit: 2, meaning: 'There is no restore of that id beside the backup' },
  RESTORE_STATE_DAMAGED: { exit: 1, meaning: 'The journal of a restore cannot be read' },
  TARGET_NOT_EMPTY: { exit: 4, meaning: 'A target topic holds records, and appending was not asked for' },
  TARGET_UNSUITABLE: {
    exit: 4,
    meaning: 'A target topic cannot take the records: too few partitions, or settings that would lose some',
  },
  TARGET_CHANGED: {
    exit: 4,
    meaning:
      'A target topic is not as the restore left it: written to, deleted or created again, or a batch of a killed run arrived late; or the control topic of a replication has lost its positions',
  },
  COPY_BEHIND: { exit: 4, meaning: 'The copy has not come to the position of a group' },
  TURN_TAKEN: { exit: 4, meaning: 'Another program keeps the groups of the pipeline in step' },
  MAPPING_CONFLICT: {
    exit: 4,
    meaning: 'Two pipelines copy the same source partition: a position has two mappings',
  },
  VERIFICATION_FAILED: { exit: 5, meaning: 'The target does not hold what the archive holds' },
  SOURCE_CHANGED: {
    exit: 4,
    meaning: 'The source lost records, or a topic was deleted or made anew, while it was replicated',
  },
  REPLICATION_LOOP: {
    exit: 4,
    meaning: 'Two pipelines would copy the copies of each other',
  },
  MAP_RECORD_INVALID: {
    exit: 1,
    meaning: 'A record of the map topic or the control topic cannot be understood',
  },
  SOURCE_MISMATCH: {
    exit: 4,
    meaning: 'The cluster is not the one that the backup, plan or snapshot was made from',
  },
} as const satisfies Record<string, { readonly exit: number; readonly meaning: string }>

export type ErrorCode = keyof typeof errorCodes
