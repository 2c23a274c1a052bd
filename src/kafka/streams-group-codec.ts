import { createAPI, type Reader } from './client-library.ts'
import { type DescribedGroups, type DescribedMember, describeRequest, readGroups } from './group-codecs.ts'

/*
  StreamsGroupDescribe Response (Version: 0) => throttle_time_ms [groups] TAG_BUFFER
    groups => error_code error_message group_id group_state group_epoch assignment_epoch topology [members]
              authorized_operations TAG_BUFFER
      topology => (nullable) epoch [subtopologies] TAG_BUFFER
        subtopologies => subtopology_id [source_topics] [repartition_sink_topics] [state_changelog_topics]
                         [repartition_source_topics] TAG_BUFFER
      members => member_id member_epoch instance_id rack_id client_id client_host topology_epoch process_id
                 user_endpoint [client_tags] [task_offsets] [task_end_offsets] assignment target_assignment
                 is_classic TAG_BUFFER
        user_endpoint => (nullable) host port TAG_BUFFER
*/
function streamsGroups(
  _correlation: number,
  _key: number,
  _version: number,
  reader: Reader,
): DescribedGroups {
  return readGroups(reader, (r) => {
    r.readInt32()
    r.readInt32()
    r.readNullableStruct(() => skipTopology(r))
    return r.readArray(readMember)
  })
}

function readMember(r: Reader): DescribedMember {
  const memberId = r.readString()
  r.readInt32()
  r.readNullableString()
  r.readNullableString()
  const clientId = r.readString()
  const clientHost = r.readString()
  r.readInt32()
  r.readString()
  r.readNullableStruct(() => {
    r.readString()
    r.readUnsignedInt16()
    r.readTaggedFields()
  })
  r.readArray(skipPair)
  r.readArray(skipTaskOffset)
  r.readArray(skipTaskOffset)
  skipTasks(r)
  skipTasks(r)
  r.readBoolean()
  return { memberId, clientId, clientHost }
}

function skipTopology(r: Reader): void {
  r.readInt32()
  r.readArray(() => {
    r.readString()
    r.readArray(() => r.readString(), true, false)
    r.readArray(() => r.readString(), true, false)
    r.readArray(skipTopic)
    r.readArray(skipTopic)
  })
  r.readTaggedFields()
}

/* Topic => name partitions replication_factor [topic_configs] TAG_BUFFER */
function skipTopic(r: Reader): void {
  r.readString()
  r.readInt32()
  r.readInt16()
  r.readArray(skipPair)
}

/* Pair => key value TAG_BUFFER */
function skipPair(r: Reader): void {
  r.readString()
  r.readString()
}

/* TaskOffset => subtopology_id partition offset TAG_BUFFER */
function skipTaskOffset(r: Reader): void {
  r.readString()
  r.readInt32()
  r.readInt64()
}

/* Assignment => [active_tasks] [standby_tasks] [warmup_tasks] TAG_BUFFER; each => subtopology_id [partitions] TAG_BUFFER */
function skipTasks(r: Reader): void {
  for (let kind = 0; kind < 3; kind++) {
    r.readArray(() => {
      r.readString()
      r.readArray(() => r.readInt32(), true, false)
    })
  }
  r.readTaggedFields()
}

/** StreamsGroupDescribe (89): groups of the streams protocol (KIP-1071). */
export const streamsGroupDescribe = [
  createAPI<[groups: string[]], DescribedGroups>(89, 0, describeRequest, streamsGroups),
]
