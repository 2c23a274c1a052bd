import { damaged } from './damaged.ts'
import { type Fields, toInteger } from './fields.ts'
import { checkBackupId } from './identity.ts'
import type { CapturedGroup, CapturedPosition, PositionCapture } from './model.ts'
import { formatVersion, jsonInteger, openJson, sealJson } from './sealed-json.ts'

const kind = 'tidemark-positions'
const groupTypes = ['classic', 'consumer', 'share', 'streams', 'unknown'] as const

/** A capture without its time, as JSON: so that the same positions are the same bytes. */
export function encodePositions(capture: PositionCapture, backupId: string): Buffer {
  return sealJson({
    kind,
    format: formatVersion,
    backup_id: backupId,
    groups: capture.groups.map(encodeGroup),
    failed: capture.failed.map(({ group, error }) => ({ group, error })),
  }).bytes
}

/** Throws ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
export function decodePositions(
  bytes: Buffer,
  object: string,
  backupId: string,
  taken: number,
): PositionCapture {
  const { fields } = openJson(bytes, object, kind)
  checkBackupId(fields.text('backup_id'), backupId, object)
  return {
    taken,
    groups: fields.rows('groups').map((row) => decodeGroup(row, object)),
    failed: fields.rows('failed').map((row) => ({ group: row.text('group'), error: row.text('error') })),
  }
}

function encodeGroup(group: CapturedGroup): unknown {
  const topics = new Map<string, unknown[]>()
  for (const position of group.positions) {
    const row: unknown[] = [
      position.partition,
      jsonInteger(position.offset),
      position.leaderEpoch,
      position.metadata,
    ]
    if (position.unstable) row.push(true)
    const rows = topics.get(position.topic)
    if (rows) rows.push(row)
    else topics.set(position.topic, [row])
  }
  return {
    group: group.group,
    type: group.type,
    state: group.state,
    protocol_type: group.protocolType,
    members: group.members,
    positions: Object.fromEntries(topics),
  }
}

function decodeGroup(row: Fields, object: string): CapturedGroup {
  const positions = row.entries('positions').flatMap(([topic, rows]) => {
    if (!Array.isArray(rows)) throw damaged(object, `has no list of positions for the topic ${topic}`)
    return rows.map((values: unknown) => decodePosition(topic, values, object))
  })
  return {
    group: row.text('group'),
    type: row.oneOf('type', groupTypes),
    state: row.text('state'),
    protocolType: row.text('protocol_type'),
    members: row.count('members'),
    positions,
  }
}

function decodePosition(topic: string, values: unknown, object: string): CapturedPosition {
  const [partition, offset, leaderEpoch, metadata, unstable] = Array.isArray(values)
    ? (values as unknown[])
    : []
  const at = toInteger(offset)
  const valid =
    Number.isSafeInteger(partition) &&
    Number.isSafeInteger(leaderEpoch) &&
    (metadata === null || typeof metadata === 'string')
  if (!valid || at === undefined) throw damaged(object, `has no valid position for the topic ${topic}`)
  return {
    topic,
    partition: partition as number,
    offset: at,
    leaderEpoch: leaderEpoch as number,
    metadata: metadata as string | null,
    ...(unstable === true && { unstable: true }),
  }
}
