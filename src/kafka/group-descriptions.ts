import { describeGroupsV2, describeGroupsV5 } from '@platformatic/kafka'
import { TidemarkError } from '../base/index.ts'
import { offeredVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { Coordinators } from './coordinators.ts'
import { consumerGroupDescribe, type DescribedGroups, shareGroupDescribe } from './group-codecs.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import { streamsGroupDescribe } from './streams-group-codec.ts'
import type { GroupDescription, GroupListing, GroupType, Outcome } from './types.ts'

interface ClassicGroups {
  readonly throttleTimeMs: number
  readonly groups: readonly {
    readonly errorCode: number
    readonly groupId: string
    readonly groupState: string
    readonly protocolType: string
    readonly members: readonly {
      readonly memberId: string
      readonly clientId: string
      readonly clientHost: string
    }[]
  }[]
}

const classicGroupDescribe = [describeGroupsV5.api, describeGroupsV2.api] as Versions<
  [groups: string[], includeAuthorizedOperations: boolean],
  ClassicGroups
>

/** Which request describes which type; a type that is not known is looked for in this order. */
const byType: readonly (readonly [GroupType, Versions<[groups: string[]], DescribedGroups>])[] = [
  ['consumer', consumerGroupDescribe],
  ['streams', streamsGroupDescribe],
  ['share', shareGroupDescribe],
]
const groupNotFound = 69
const perRequest = 200
const doing = 'describe groups'

/**
 * State and members of each group, asked with the request that fits its type: an older request would call a group of
 * a newer type dead. A group that has changed its type, or whose type is not known, is found by asking for every type
 * in turn. One that does not exist (any more) fails with GROUP_NOT_FOUND.
 */
export async function describeGroups(
  session: Session,
  coordinators: Coordinators,
  groups: readonly GroupListing[],
): Promise<Outcome<string, GroupDescription>> {
  const outcome = await runBatch<GroupListing, GroupDescription>(session, {
    items: groups,
    perRequest,
    route: (open, round) => coordinators.route(open, round, (listing) => listing.group, doing),
    send: async (connection, part) => {
      const results: ItemResult<GroupListing, GroupDescription>[] = []
      let open = part
      for (const [type, versions] of byType) {
        const asked = open.filter((listing) => listing.type === type || listing.type === 'unknown')
        const answers = await describe(session, connection, asked, type, versions)
        results.push(...answers)
        const answered = new Set(answers.map((answer) => answer.item))
        open = open.filter((listing) => !answered.has(listing))
      }
      return [...results, ...(await describeClassic(session, connection, open))]
    },
  })
  return {
    done: outcome.done,
    failed: outcome.failed.map(({ item, error }) => ({ item: item.group, error })),
  }
}

/** Groups that are not of the type asked for are left out of the answer. */
async function describe(
  session: Session,
  connection: BrokerConnection,
  listings: readonly GroupListing[],
  type: GroupType,
  versions: Versions<[groups: string[]], DescribedGroups>,
): Promise<ItemResult<GroupListing, GroupDescription>[]> {
  const api = offeredVersion(connection, versions)
  if (api === undefined || listings.length === 0) return []
  const byName = new Map(listings.map((listing) => [listing.group, listing]))
  const response = await session.call(connection, api, [[...byName.keys()]])
  return response.groups.flatMap((group): ItemResult<GroupListing, GroupDescription>[] => {
    const item = byName.get(group.groupId)
    if (item === undefined || group.errorCode === groupNotFound) return []
    if (group.errorCode !== 0)
      return [{ item, error: refusal(group.errorCode, item.group, group.errorMessage) }]
    const { protocolType } = item
    const members = group.members.map(member)
    return [{ item, result: { group: item.group, type, state: group.groupState, protocolType, members } }]
  })
}

async function describeClassic(
  session: Session,
  connection: BrokerConnection,
  listings: readonly GroupListing[],
): Promise<ItemResult<GroupListing, GroupDescription>[]> {
  if (listings.length === 0) return []
  const byName = new Map(listings.map((listing) => [listing.group, listing]))
  const response = await session.request(connection, classicGroupDescribe, [[...byName.keys()], false])
  return response.groups.flatMap((group): ItemResult<GroupListing, GroupDescription>[] => {
    const item = byName.get(group.groupId)
    if (item === undefined) return []
    if (group.errorCode !== 0) return [{ item, error: refusal(group.errorCode, item.group, null) }]
    if (group.groupState === 'Dead') return [{ item, error: missing(item.group) }]
    return [
      {
        item,
        result: {
          group: item.group,
          type: 'classic',
          state: group.groupState,
          protocolType: group.protocolType,
          members: group.members.map(member),
        },
      },
    ]
  })
}

function member(told: { readonly memberId: string; readonly clientId: string; readonly clientHost: string }) {
  return { memberId: told.memberId, clientId: told.clientId, host: told.clientHost.replace(/^\//, '') }
}

function refusal(code: number, group: string, message: string | null): TidemarkError {
  return errorFromCode(code, {
    doing: `describe group ${JSON.stringify(group)}`,
    acl: 'Describe',
    group,
    message,
  })
}

function missing(group: string): TidemarkError {
  return new TidemarkError('GROUP_NOT_FOUND', `Consumer group '${group}' not found`, { details: { group } })
}
