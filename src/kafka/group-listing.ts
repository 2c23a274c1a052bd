import { listGroupsV2, listGroupsV4, listGroupsV5 } from '@platformatic/kafka'
import { TidemarkError } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { Broker, GroupListing, GroupType } from './types.ts'

interface Response {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly groups: readonly {
    readonly groupId: string
    readonly protocolType: string
    readonly groupState: string
    readonly groupType: string
  }[]
}

/** States come with version 4 (Kafka 2.6), types with version 5 (Kafka 3.8). */
const versions = [listGroupsV5.api, listGroupsV4.api, listGroupsV2.api] as Versions<
  [statesFilter: [], typesFilter: []],
  Response
>
const consumerGroupDescribe = 69
const offsetsTopic = '__consumer_offsets'
const types: readonly string[] = ['classic', 'consumer', 'share', 'streams'] satisfies readonly GroupType[]

/**
 * Every group of every type and state. Each broker lists the groups that it coordinates; a coordinator that moves
 * meanwhile could be listed by nobody, so the listing counts only if the coordinators were the same before and after.
 */
export async function listGroups(session: Session): Promise<readonly GroupListing[]> {
  return session.retrying(async () => {
    const before = await coordinatorsOf(session)
    const lists = await Promise.all(before.brokers.map((broker) => listOf(session, broker)))
    const after = await coordinatorsOf(session)
    if (before.leaders !== after.leaders) throw moved()
    const groups = new Map<string, GroupListing>()
    for (const listing of lists.flat()) groups.set(listing.group, listing)
    return [...groups.values()].sort((a, b) => (a.group < b.group ? -1 : 1))
  })
}

/** The brokers, and who leads the partitions in which groups are kept (empty before there is any group). */
async function coordinatorsOf(
  session: Session,
): Promise<{ readonly brokers: readonly Broker[]; readonly leaders: string }> {
  const metadata = await session.metadata([offsetsTopic])
  const partitions = metadata.topics[0]?.partitions ?? []
  if (partitions.some((partition) => partition.leader === undefined)) throw moved()
  return {
    brokers: metadata.brokers,
    leaders: partitions.map((partition) => `${partition.leader}@${partition.leaderEpoch}`).join(),
  }
}

async function listOf(session: Session, broker: Broker): Promise<GroupListing[]> {
  const connection = await session.pool.to(broker.id)
  const api = chooseVersion(connection, versions)
  const response = await session.call(connection, api, [[], []])
  if (response.errorCode !== 0) {
    throw errorFromCode(response.errorCode, {
      doing: 'list groups',
      acl: 'Describe',
      broker: connection.address,
    })
  }
  const onlyClassic = connection.versionFor(consumerGroupDescribe, 0, 1) === undefined
  return response.groups.map(({ groupId, groupState, groupType, protocolType }) => ({
    group: groupId,
    type: typeOf(groupType, onlyClassic),
    state: groupState || 'Unknown',
    protocolType,
  }))
}

function typeOf(told: string, onlyClassic: boolean): GroupType {
  const type = told.toLowerCase()
  if (types.includes(type)) return type as GroupType
  return type === '' && onlyClassic ? 'classic' : 'unknown'
}

function moved(): TidemarkError {
  return new TidemarkError(
    'BROKER_ERROR',
    'Group coordinators are moving: the list of groups would not be complete',
    {
      retriable: true,
      hint: `Check that every partition of ${offsetsTopic} has a leader.`,
    },
  )
}
