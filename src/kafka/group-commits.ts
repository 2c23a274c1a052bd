import { isTidemarkError, type TidemarkError } from '../base/index.ts'
import type { Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { offsetCommitV6, offsetCommitV8, offsetDeleteV0 } from './client-library.ts'
import type { Coordinators } from './coordinators.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import type { Leaders } from './leaders.ts'
import { errorFromCode, kafkaCodeOf } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { Outcome, Position, TopicPartition } from './types.ts'

interface Answers {
  readonly throttleTimeMs: number
  readonly errorCode?: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[]
}

interface CommitTopic {
  readonly name: string
  readonly partitions: {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly committedMetadata: string | null
  }[]
}

/** Version 6 is that of Kafka 2.1. */
const commitVersions = [offsetCommitV8.api, offsetCommitV6.api] as unknown as Versions<
  [group: string, generation: number, member: string, instance: null, topics: CommitTopic[]],
  Answers
>
const deleteVersions = [offsetDeleteV0.api] as unknown as Versions<
  [group: string, topics: { name: string; partitions: { partitionIndex: number }[] }[]],
  Answers
>
const codes = { unknown: -1, unknownTopic: 3, commitTooLarge: 28 }
/** Bytes from which on a commit may be larger than the smallest sensible `max.message.bytes` of the offsets topic. */
const possiblyTooLarge = 64 << 10

/**
 * Commits positions from outside the group (generation −1, no member). All partitions go in one request, so that the
 * group moves at once; only a commit larger than the offsets topic takes is split. A group with members answers
 * GROUP_ACTIVE. `permit` is asked right before each request, repeated ones and parts of a split one too: what it rejects with is what
 * became of the positions of that request.
 */
export async function commitPositions(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  group: string,
  positions: readonly Position[],
  permit?: () => Promise<void>,
): Promise<Outcome<Position, Position>> {
  const quoted = JSON.stringify(group)
  return runBatch<Position, Position>(session, {
    items: positions,
    perRequest: Number.POSITIVE_INFINITY,
    route: (open, round) =>
      coordinators.route(open, round, () => group, `commit positions of group ${quoted}`),
    send: (connection, part) => sendCommit(session, leaders, connection, group, part, undefined, permit),
  })
}

/**
 * One commit of a group, in one request unless the offsets topic does not take it whole. Rejects when it is not known what
 * became of it. `permit` as above.
 */
export function sendCommit(
  session: Session,
  leaders: Leaders,
  connection: BrokerConnection,
  group: string,
  positions: readonly Position[],
  timeout?: number,
  permit?: () => Promise<void>,
): Promise<ItemResult<Position, Position>[]> {
  const quoted = JSON.stringify(group)
  return halving(positions, async (items) => {
    const request = [...Map.groupBy(items, (item) => item.topic)].map(([name, of]) => ({
      name,
      partitions: of.map((position) => ({
        partitionIndex: position.partition,
        committedOffset: position.offset,
        committedLeaderEpoch: position.leaderEpoch,
        committedMetadata: position.metadata,
      })),
    }))
    const error = permit && (await refusalBy(permit))
    if (error) return items.map((item) => ({ item, error }))
    const response = await session.request(
      connection,
      commitVersions,
      [group, -1, '', null, request],
      timeout,
    )
    return answersOf(items, response, (item, code) => {
      const { topic, partition } = item
      const doing = `commit the position of group ${quoted} in ${topic}-${partition}`
      return refusal(leaders, code, doing, 'Read', group, item, connection)
    })
  })
}

/** Deletes positions (Kafka 2.4 and newer). Positions in topics that members are subscribed to are refused. */
export async function deletePositions(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<Outcome<TopicPartition, TopicPartition>> {
  const quoted = JSON.stringify(group)
  return runBatch<TopicPartition, TopicPartition>(session, {
    items: partitions,
    perRequest: 5000,
    route: (open, round) =>
      coordinators.route(open, round, () => group, `delete positions of group ${quoted}`),
    send: async (connection, items) => {
      const request = [...Map.groupBy(items, (item) => item.topic)].map(([name, of]) => ({
        name,
        partitions: of.map(({ partition }) => ({ partitionIndex: partition })),
      }))
      const response = await session.request(connection, deleteVersions, [group, request])
      const code = response.errorCode ?? 0
      if (code !== 0) {
        throw errorFromCode(code, { doing: `delete positions of group ${quoted}`, acl: 'Delete', group })
      }
      return answersOf(items, response, (item, code) => {
        const { topic, partition } = item
        const doing = `delete the position of group ${quoted} in ${topic}-${partition}`
        return refusal(leaders, code, doing, 'Read', group, item, connection)
      })
    },
  })
}

async function answersOf<Item extends TopicPartition>(
  items: readonly Item[],
  response: Answers,
  refused: (item: Item, code: number) => Promise<TidemarkError>,
): Promise<ItemResult<Item, Item>[]> {
  const found = new Map<string, number>()
  for (const topic of response.topics) {
    for (const answer of topic.partitions)
      found.set(`${answer.partitionIndex} ${topic.name}`, answer.errorCode)
  }
  const results: ItemResult<Item, Item>[] = []
  for (const item of items) {
    const code = found.get(`${item.partition} ${item.topic}`)
    if (code === 0) results.push({ item, result: item })
    else if (code !== undefined) results.push({ item, error: await refused(item, code) })
  }
  return results
}

/** As a value: what is refused was not sent, whatever became of the half before it. */
async function refusalBy(permit: () => Promise<void>): Promise<TidemarkError | undefined> {
  try {
    await permit()
    return undefined
  } catch (error) {
    if (isTidemarkError(error)) return error
    throw error
  }
}

/**
 * A commit that is too large for one batch of the offsets topic is made in two. Kafka 4 answers it with
 * UNKNOWN_SERVER_ERROR, which is taken so only when the commit is large indeed.
 */
async function halving(
  items: readonly Position[],
  send: (items: readonly Position[]) => Promise<ItemResult<Position, Position>[]>,
): Promise<ItemResult<Position, Position>[]> {
  const results = await send(items)
  const large = items.length > 1 && sizeOf(items) > possiblyTooLarge
  const tooLarge = results.some((result) => {
    const code = 'error' in result ? kafkaCodeOf(result.error) : undefined
    return code === codes.commitTooLarge || (large && code === codes.unknown)
  })
  if (!tooLarge || items.length < 2) return results
  const middle = items.length >> 1
  const first = await halving(items.slice(0, middle), send)
  return [...first, ...(await halving(items.slice(middle), send))]
}

/** About the bytes that positions take in the offsets topic: group, topic and metadata as text, and fixed fields. */
function sizeOf(items: readonly Position[]): number {
  return items.reduce((sum, item) => sum + 100 + item.topic.length + (item.metadata?.length ?? 0), 0)
}

/** A coordinator that does not know a partition may lag behind: only when the metadata agree is it missing. */
async function refusal(
  leaders: Leaders,
  code: number,
  doing: string,
  acl: string,
  group: string,
  item: TopicPartition,
  connection: BrokerConnection,
): Promise<TidemarkError> {
  const { topic, partition } = item
  const retriable = code === codes.unknownTopic ? { retriable: await leaders.exists(item) } : {}
  return errorFromCode(code, {
    doing,
    acl,
    group,
    topic,
    partition,
    broker: connection.address,
    ...retriable,
  })
}
