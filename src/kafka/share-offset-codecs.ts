import { createAPI, type Reader, Writer } from './client-library.ts'

/** A start offset as a coordinator tells it; −1 = none. */
export interface ToldStartOffset {
  readonly partition: number
  readonly startOffset: bigint
  readonly leaderEpoch: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

export interface DescribedShareOffsets {
  readonly throttleTimeMs: number
  readonly groups: readonly {
    readonly groupId: string
    readonly topics: readonly { readonly name: string; readonly partitions: readonly ToldStartOffset[] }[]
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

/*
  DescribeShareGroupOffsets Request (Version: 0, 1) => [groups] TAG_BUFFER
    groups => group_id [topics] (null = all) TAG_BUFFER
*/
function describeOffsetsRequest(groups: string[]): Writer {
  return Writer.create()
    .appendArray(groups, (w, group) => w.appendString(group).appendArray(null, () => {}))
    .appendTaggedFields()
}

/*
  DescribeShareGroupOffsets Response (Version: 0, 1) => throttle_time_ms [groups] TAG_BUFFER
    groups => group_id [topics] error_code error_message TAG_BUFFER
      topics => topic_name topic_id [partitions] TAG_BUFFER
        partitions => partition_index start_offset leader_epoch lag (from version 1) error_code error_message TAG_BUFFER
*/
function describedOffsets(
  _correlation: number,
  _key: number,
  version: number,
  reader: Reader,
): DescribedShareOffsets {
  const throttleTimeMs = reader.readInt32()
  const groups = reader.readArray((r) => {
    const groupId = r.readString()
    const topics = r.readArray(() => {
      const name = r.readString()
      r.readUUID()
      const partitions = r.readArray(() => {
        const partition = r.readInt32()
        const startOffset = r.readInt64()
        const leaderEpoch = r.readInt32()
        if (version >= 1) r.readInt64()
        const errorCode = r.readInt16()
        const errorMessage = r.readNullableString()
        return { partition, startOffset, leaderEpoch, errorCode, errorMessage }
      })
      return { name, partitions }
    })
    const errorCode = r.readInt16()
    const errorMessage = r.readNullableString()
    return { groupId, topics, errorCode, errorMessage }
  })
  return { throttleTimeMs, groups }
}

/** What became of a change, as a whole and by topic and partition. */
export interface AlteredShareOffsets {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly Pick<ToldStartOffset, 'partition' | 'errorCode' | 'errorMessage'>[]
  }[]
}

export interface AlteredTopic {
  readonly name: string
  readonly partitions: { readonly partition: number; readonly startOffset: bigint }[]
}

/*
  AlterShareGroupOffsets Request (Version: 0) => group_id [topics] TAG_BUFFER
    topics => topic_name [partitions] TAG_BUFFER
      partitions => partition_index start_offset TAG_BUFFER
*/
function alterOffsetsRequest(group: string, topics: AlteredTopic[]): Writer {
  return Writer.create()
    .appendString(group)
    .appendArray(topics, (w, { name, partitions }) =>
      w
        .appendString(name)
        .appendArray(partitions, (v, { partition, startOffset }) =>
          v.appendInt32(partition).appendInt64(startOffset),
        ),
    )
    .appendTaggedFields()
}

/*
  AlterShareGroupOffsets Response (Version: 0) => throttle_time_ms error_code error_message [responses] TAG_BUFFER
    responses => topic_name topic_id [partitions] TAG_BUFFER
      partitions => partition_index error_code error_message TAG_BUFFER
*/
function alteredOffsets(
  _correlation: number,
  _key: number,
  _version: number,
  reader: Reader,
): AlteredShareOffsets {
  const throttleTimeMs = reader.readInt32()
  const errorCode = reader.readInt16()
  const errorMessage = reader.readNullableString()
  const topics = reader.readArray((r) => {
    const name = r.readString()
    r.readUUID()
    const partitions = r.readArray(() => ({
      partition: r.readInt32(),
      errorCode: r.readInt16(),
      errorMessage: r.readNullableString(),
    }))
    return { name, partitions }
  })
  return { throttleTimeMs, errorCode, errorMessage, topics }
}

export interface DeletedShareOffsets {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly topics: readonly {
    readonly name: string
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

/*
  DeleteShareGroupOffsets Request (Version: 0) => group_id [topics] TAG_BUFFER
    topics => topic_name TAG_BUFFER
*/
function deleteOffsetsRequest(group: string, topics: string[]): Writer {
  return Writer.create()
    .appendString(group)
    .appendArray(topics, (w, topic) => w.appendString(topic))
    .appendTaggedFields()
}

/*
  DeleteShareGroupOffsets Response (Version: 0) => throttle_time_ms error_code error_message [responses] TAG_BUFFER
    responses => topic_name topic_id error_code error_message TAG_BUFFER
*/
function deletedOffsets(
  _correlation: number,
  _key: number,
  _version: number,
  reader: Reader,
): DeletedShareOffsets {
  const throttleTimeMs = reader.readInt32()
  const errorCode = reader.readInt16()
  const errorMessage = reader.readNullableString()
  const topics = reader.readArray((r) => {
    const name = r.readString()
    r.readUUID()
    return { name, errorCode: r.readInt16(), errorMessage: r.readNullableString() }
  })
  return { throttleTimeMs, errorCode, errorMessage, topics }
}

/** DescribeShareGroupOffsets (90): start offsets of whole share groups (KIP-932). Newest version first. */
export const describeShareGroupOffsets = [1, 0].map((version) =>
  createAPI<[groups: string[]], DescribedShareOffsets>(90, version, describeOffsetsRequest, describedOffsets),
)

/** AlterShareGroupOffsets (91): sets start offsets of a share group without members. */
export const alterShareGroupOffsets = [
  createAPI<[group: string, topics: AlteredTopic[]], AlteredShareOffsets>(
    91,
    0,
    alterOffsetsRequest,
    alteredOffsets,
  ),
]

/** DeleteShareGroupOffsets (92): takes away the start offsets of a share group in whole topics. */
export const deleteShareGroupOffsets = [
  createAPI<[group: string, topics: string[]], DeletedShareOffsets>(
    92,
    0,
    deleteOffsetsRequest,
    deletedOffsets,
  ),
]
