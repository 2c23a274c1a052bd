import { TidemarkError } from '../base/index.ts'
import { offeredVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { describeGroupsV2, describeGroupsV5 } from './client-library.ts'
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
      readonly memberMetadata: Buffer
    }[]
  }[]
}

const classicGroupDescribe = [describeGroupsV5.api, describeGroupsV2.api] as Versions<
  [groups: string[], includeAuthorizedOperations: boolean],
  ClassicGroups
>

type NewerType = 'consumer' | 'streams' | 'share'

const byType: Readonly<Record<NewerType, Versions<[groups: string[]], DescribedGroups>>> = {
  consumer: consumerGroupDescribe,
  streams: streamsGroupDescribe,
  share: shareGroupDescribe,
}

/** As what a group is looked for, in this order. Groups can change between classic and newer types. */
const ladders: Readonly<Record<GroupType, readonly (NewerType | 'classic')[]>> = {
  classic: ['classic', 'consumer', 'streams', 'share'],
  consumer: ['consumer', 'classic', 'streams', 'share'],
  streams: ['streams', 'classic', 'consumer', 'share'],
  share: ['share', 'classic', 'consumer', 'streams'],
  unknown: ['consumer', 'streams', 'share', 'classic'],
}
const steps = 4
const unsupported = 35
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
    items: [...new Map(groups.map((listing) => [listing.group, listing])).values()],
    perRequest,
    route: (open, round) => coordinators.route(open, round, (listing) => listing.group, doing),
    send: async (connection, part) => {
      const results: ItemResult<GroupListing, GroupDescription>[] = []
      const open = new Set(part)
      for (let step = 0; step < steps && open.size > 0; step++) {
        const asked = Map.groupBy(open, (listing) => ladders[listing.type][step] ?? 'classic')
        for (const [type, listings] of asked) {
          const answers =
            type === 'classic'
              ? await describeClassic(session, connection, listings)
              : await describe(session, connection, listings, type)
          for (const { item } of answers) open.delete(item)
          results.push(...answers)
        }
      }
      return [...results, ...[...open].map((item) => ({ item, error: missing(item.group) }))]
    },
  })
  return {
    done: outcome.done,
    failed: outcome.failed.map(({ item, error }) => ({ item: item.group, error })),
  }
}

/** Groups that do not exist as what they are asked for are left out of the answer. */
async function describe(
  session: Session,
  connection: BrokerConnection,
  listings: readonly GroupListing[],
  type: NewerType,
): Promise<ItemResult<GroupListing, GroupDescription>[]> {
  const api = offeredVersion(connection, byType[type])
  if (api === undefined) return []
  const byName = new Map(listings.map((listing) => [listing.group, listing]))
  const response = await session.call(connection, api, [[...byName.keys()]])
  return response.groups.flatMap((group): ItemResult<GroupListing, GroupDescription>[] => {
    const item = byName.get(group.groupId)
    if (item === undefined || group.errorCode === groupNotFound) return []
    // A broker may offer the request and yet have the group type switched off.
    if (group.errorCode === unsupported && item.type !== type) return []
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
  const byName = new Map(listings.map((listing) => [listing.group, listing]))
  const response = await session.request(connection, classicGroupDescribe, [[...byName.keys()], false])
  return response.groups.flatMap((group): ItemResult<GroupListing, GroupDescription>[] => {
    const item = byName.get(group.groupId)
    if (item === undefined || group.groupState === 'Dead') return []
    if (group.errorCode !== 0) return [{ item, error: refusal(group.errorCode, item.group, null) }]
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

const nothing = Buffer.alloc(0)

function member(told: {
  readonly memberId: string
  readonly clientId: string
  readonly clientHost: string
  readonly memberMetadata?: Buffer
}) {
  const { memberId, clientId, clientHost, memberMetadata = nothing } = told
  return { memberId, clientId, host: clientHost.replace(/^\//, ''), metadata: memberMetadata }
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
