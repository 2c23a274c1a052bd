import { createAPI, type Reader, Writer } from './client-library.ts'

/** One described group, whatever its type. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly members: readonly DescribedMember[]
}

/** One member of a described group. */
export interface DescribedMember {
  readonly memberId: string
  readonly clientId: string
  readonly clientHost: string
}

/** Answer to a describe request of any group type. */
export interface DescribedGroups {
  readonly throttleTimeMs: number
  readonly groups: readonly DescribedGroup[]
}

/*
  Request => [group_ids] include_authorized_operations TAG_BUFFER
    group_ids => COMPACT_STRING
    include_authorized_operations => BOOLEAN
*/
/** Request of all describe APIs by group type. */
export function describeRequest(groups: string[]): Writer {
  return Writer.create()
    .appendArray(groups, (w, group) => w.appendString(group), true, false)
    .appendBoolean(false)
    .appendTaggedFields()
}

/*
  Assignment => [topic_partitions] TAG_BUFFER
    topic_partitions => topic_id topic_name [partitions] TAG_BUFFER
      topic_id => UUID
      topic_name => COMPACT_STRING
      partitions => INT32
*/
function skipAssignment(reader: Reader): void {
  reader.readArray((r) => {
    r.readUUID()
    r.readString()
    r.readArray(() => r.readInt32(), true, false)
  })
  reader.readTaggedFields()
}

/*
  ConsumerGroupDescribe Response (Version: 0, 1) => throttle_time_ms [groups] TAG_BUFFER
    throttle_time_ms => INT32
    groups => error_code error_message group_id group_state group_epoch assignment_epoch assignor_name [members]
              authorized_operations TAG_BUFFER
      members => member_id instance_id rack_id member_epoch client_id client_host [subscribed_topic_names]
                 subscribed_topic_regex assignment target_assignment member_type (from version 1) TAG_BUFFER
*/
function consumerGroups(
  _correlation: number,
  _key: number,
  version: number,
  reader: Reader,
): DescribedGroups {
  return readGroups(reader, (r) => {
    r.readInt32()
    r.readInt32()
    r.readString()
    return r.readArray((member) => {
      const memberId = member.readString()
      member.readNullableString()
      member.readNullableString()
      member.readInt32()
      const clientId = member.readString()
      const clientHost = member.readString()
      member.readArray(() => member.readString(), true, false)
      member.readNullableString()
      skipAssignment(member)
      skipAssignment(member)
      if (version >= 1) member.readInt8()
      return { memberId, clientId, clientHost }
    })
  })
}

/*
  ShareGroupDescribe Response (Version: 1) => throttle_time_ms [groups] TAG_BUFFER
    groups => error_code error_message group_id group_state group_epoch assignment_epoch assignor_name [members]
              authorized_operations TAG_BUFFER
      members => member_id rack_id member_epoch client_id client_host [subscribed_topic_names] assignment TAG_BUFFER
*/
function shareGroups(_correlation: number, _key: number, _version: number, reader: Reader): DescribedGroups {
  return readGroups(reader, (r) => {
    r.readInt32()
    r.readInt32()
    r.readString()
    return r.readArray((member) => {
      const memberId = member.readString()
      member.readNullableString()
      member.readInt32()
      const clientId = member.readString()
      const clientHost = member.readString()
      member.readArray(() => member.readString(), true, false)
      skipAssignment(member)
      return { memberId, clientId, clientHost }
    })
  })
}

/** What the answers of all describe APIs by group type have in common; `readMembers` reads from the group epoch on. */
export function readGroups(
  reader: Reader,
  readMembers: (reader: Reader) => DescribedMember[],
): DescribedGroups {
  const throttleTimeMs = reader.readInt32()
  const groups = reader.readArray((r) => {
    const errorCode = r.readInt16()
    const errorMessage = r.readNullableString()
    const groupId = r.readString()
    const groupState = r.readString()
    const members = readMembers(r)
    r.readInt32()
    return { errorCode, errorMessage, groupId, groupState, members }
  })
  return { throttleTimeMs, groups }
}

/** ConsumerGroupDescribe (69): groups of the consumer protocol (KIP-848). Newest version first. */
export const consumerGroupDescribe = [1, 0].map((version) =>
  createAPI<[groups: string[]], DescribedGroups>(69, version, describeRequest, consumerGroups),
)

/** ShareGroupDescribe (77): share groups (KIP-932). */
export const shareGroupDescribe = [
  createAPI<[groups: string[]], DescribedGroups>(77, 1, describeRequest, shareGroups),
]
