import { systemClock } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import { listGroupsV2, listGroupsV4, listGroupsV5 } from './client-library.ts'
import { coordinatorsActive } from './coordinator-probe.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import { coordinatorsMoving, SettledCoordinators } from './settled-coordinators.ts'
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
const types: readonly string[] = ['classic', 'consumer', 'share', 'streams'] satisfies readonly GroupType[]

/** Ms between two looks where it cannot be proven that one sees all. */
const secondLook = 500

/**
 * Every group of every type and state. Each broker lists the groups that it coordinates, and leaves out those that it
 * is about to take over. So a listing counts only if every coordinator was active before and after it, and the same.
 * A principal that may not ask for that gets what two looks, half a second apart, have seen. Without `lookAgain` one look is enough, and
 * groups that are just being taken over may be missing.
 */
export async function listGroups(
  session: Session,
  { lookAgain = true }: { readonly lookAgain?: boolean } = {},
): Promise<readonly GroupListing[]> {
  return session.retrying(async () => {
    const before = await SettledCoordinators.look(session)
    const proven = await proveActive(session, before)
    const look = () => Promise.all(before.brokers.map((broker) => listOf(session, broker)))
    const lists = await look()
    if (lookAgain && (!proven || !(await proveActive(session, before)))) {
      await systemClock.sleep(secondLook, session.signal)
      lists.push(...(await look()))
    }
    const after = await SettledCoordinators.look(session)
    if (!before.coversAll(after)) throw coordinatorsMoving('the list of groups')
    const groups = new Map<string, GroupListing>()
    for (const listing of lists.flat()) groups.set(listing.group, listing)
    return [...groups.values()].sort((a, b) => (a.group < b.group ? -1 : 1))
  })
}

/** False where it cannot be known. Throws a retriable error while coordinators are moving. */
async function proveActive(session: Session, { partitions }: SettledCoordinators): Promise<boolean> {
  const active = await coordinatorsActive(session, partitions)
  if (active === 'no') throw coordinatorsMoving('the list of groups')
  return active === 'yes'
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
