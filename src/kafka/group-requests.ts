import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import {
  heartbeatV1,
  heartbeatV3,
  heartbeatV4,
  joinGroupV3,
  joinGroupV5,
  joinGroupV9,
  leaveGroupV2,
  leaveGroupV3,
  leaveGroupV5,
  syncGroupV1,
  syncGroupV3,
  syncGroupV5,
} from './client-library.ts'

/*
 * The requests of the classic group protocol, each in three versions: with tagged fields, with static members (Kafka 2.3), and
 * as Kafka 2.1 knows it.
 */

export interface JoinAnswer {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly generationId: number
  readonly leader: string
  /** The leader has come back, and its members have their assignments. */
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Buffer
  }[]
}

interface Answer {
  readonly throttleTimeMs: number
  readonly errorCode: number
}

type Instance = string | null

const join = [joinGroupV9.api, joinGroupV5.api, joinGroupV3.api] as unknown as Versions<
  [
    group: string,
    sessionTimeout: number,
    rebalanceTimeout: number,
    member: string,
    instance: Instance,
    protocolType: string,
    protocols: { name: string; metadata: Buffer }[],
    reason: string | null,
  ],
  JoinAnswer
>
const sync = [syncGroupV5.api, syncGroupV3.api, syncGroupV1.api] as unknown as Versions<
  [
    group: string,
    generation: number,
    member: string,
    instance: Instance,
    protocolType: string,
    protocol: string,
    assignments: { memberId: string; assignment: Buffer }[],
  ],
  Answer & { readonly assignment: Buffer }
>
const heartbeat = [heartbeatV4.api, heartbeatV3.api, heartbeatV1.api] as unknown as Versions<
  [group: string, generation: number, member: string, instance: Instance],
  Answer
>
const leave = [leaveGroupV5.api, leaveGroupV3.api, leaveGroupV2.api] as unknown as Versions<
  [group: string, members: { memberId: string; groupInstanceId: Instance; reason: string }[]],
  Answer
>

/** Who asks. */
export interface MemberIdentity {
  readonly group: string
  readonly generation: number
  readonly member: string
  /** Name of a static member; null for a dynamic one. */
  readonly instance: Instance
}

export interface JoinRequest {
  readonly identity: MemberIdentity
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly protocolType: string
  readonly protocol: string
  readonly metadata: Buffer
}

/** Ms beyond the rebalance timeout until an answer is overdue. */
const grace = 30_000

/** Answered when the rebalance is over: the connection does nothing else until then. */
export function joinGroup(connection: BrokerConnection, request: JoinRequest): Promise<JoinAnswer> {
  const { identity, sessionTimeout, rebalanceTimeout, protocolType, protocol, metadata } = request
  const api = chooseVersion(connection, join)
  const { group, member, instance } = identity
  return connection.call(
    api,
    [
      group,
      sessionTimeout,
      rebalanceTimeout,
      member,
      instance,
      protocolType,
      [{ name: protocol, metadata }],
      null,
    ],
    Math.max(sessionTimeout, rebalanceTimeout) + grace,
  )
}

/** Answered when the leader has assigned. */
export function syncGroup(
  connection: BrokerConnection,
  { group, generation, member, instance }: MemberIdentity,
  protocol: { readonly type: string; readonly name: string },
  assignments: { memberId: string; assignment: Buffer }[],
  timeout: number,
): Promise<{ readonly errorCode: number; readonly assignment: Buffer }> {
  const api = chooseVersion(connection, sync)
  const request: [
    string,
    number,
    string,
    Instance,
    string,
    string,
    { memberId: string; assignment: Buffer }[],
  ] = [group, generation, member, instance, protocol.type, protocol.name, assignments]
  return connection.call(api, request, timeout + grace)
}

/** Answers the error code. */
export async function sendHeartbeat(
  connection: BrokerConnection,
  { group, generation, member, instance }: MemberIdentity,
): Promise<number> {
  const api = chooseVersion(connection, heartbeat)
  return (await connection.call(api, [group, generation, member, instance])).errorCode
}

export async function leaveGroup(
  connection: BrokerConnection,
  { group, member, instance }: MemberIdentity,
  reason: string,
): Promise<void> {
  const api = chooseVersion(connection, leave)
  await connection.call(api, [group, [{ memberId: member, groupInstanceId: instance, reason }]], 5_000)
}
