import { TidemarkError } from '../base/index.ts'
import { offeredVersion } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { Coordinators } from './coordinators.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import type { Leaders } from './leaders.ts'
import { type ErrorContext, errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  describeShareGroupOffsets,
} from './share-offset-codecs.ts'
import type { Outcome, Position, TopicPartition } from './types.ts'

const codes = { unknownTopic: 3, unsupported: 35, groupNotFound: 69 }
const perRequest = 200
const doing = 'read the start offsets of share groups'

/** Start offsets of a share group as positions; undefined for a group that is none, or whose broker knows none. */
export interface ShareOffsets {
  readonly group: string
  readonly positions: readonly Position[] | undefined
}

/** Whether the cluster has the requests for start offsets of share groups (Kafka 4.1). */
export async function knowsShareOffsets(session: Session): Promise<boolean> {
  const connection = await session.pool.any()
  return offeredVersion(connection, alterShareGroupOffsets) !== undefined
}

/**
 * Start offsets of share groups: the next record of each partition that is still to be dealt with. What was acknowledged
 * beyond it, out of order, is not part of it. A partition without one has no position. Groups of other types, and brokers
 * without share groups, answer with none.
 */
export async function fetchShareOffsets(
  session: Session,
  coordinators: Coordinators,
  groups: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Outcome<string, ShareOffsets>> {
  return runBatch<string, ShareOffsets>(
    session,
    {
      items: groups,
      perRequest,
      route: (open, round) => coordinators.route(open, round, (group) => group, doing),
      send: async (connection, part) => {
        const api = offeredVersion(connection, describeShareGroupOffsets)
        if (api === undefined) {
          return part.map((item) => ({ item, result: { group: item, positions: undefined } }))
        }
        const response = await session.call(connection, api, [[...part]])
        return response.groups.map(({ groupId, topics, errorCode, errorMessage }) =>
          resultOf(groupId, topics, errorCode, errorMessage),
        )
      },
    },
    { signal },
  )
}

type Told = Awaited<ReturnType<(typeof describeShareGroupOffsets)[number]['async']>>['groups'][number]

function resultOf(
  group: string,
  topics: Told['topics'],
  code: number,
  message: string | null,
): ItemResult<string, ShareOffsets> {
  const refused = (code: number, more: Partial<ErrorContext>) =>
    errorFromCode(code, {
      doing: `read the start offsets of share group ${JSON.stringify(group)}`,
      acl: 'Describe',
      group,
      ...more,
    })
  if (code === codes.groupNotFound || code === codes.unsupported) {
    return { item: group, result: { group, positions: undefined } }
  }
  if (code !== 0) return { item: group, error: refused(code, { message }) }
  const positions: Position[] = []
  for (const { name: topic, partitions } of topics) {
    for (const { partition, startOffset, leaderEpoch, errorCode, errorMessage } of partitions) {
      if (errorCode !== 0 && errorCode !== codes.unknownTopic) {
        return { item: group, error: refused(errorCode, { topic, partition, message: errorMessage }) }
      }
      if (errorCode === 0 && startOffset >= 0n) {
        positions.push({ topic, partition, offset: startOffset, leaderEpoch, metadata: null })
      }
    }
  }
  return { item: group, result: { group, positions: topics.length === 0 ? undefined : positions } }
}

/** Sets start offsets of a share group in one request; the group is made where there is none. With members: GROUP_ACTIVE. */
export async function alterShareOffsets<Item extends TopicPartition>(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  group: string,
  items: readonly Item[],
  startOffset: (item: Item) => bigint,
): Promise<Outcome<Item, Item>> {
  const change = `set start offsets of share group ${JSON.stringify(group)}`
  return runBatch<Item, Item>(session, {
    items,
    perRequest: Number.POSITIVE_INFINITY,
    route: (open, round) => coordinators.route(open, round, () => group, change),
    send: (connection, part) => sendStartOffsets(session, leaders, connection, group, part, startOffset),
  })
}

/** One request that sets start offsets of a share group; an outcome for each item that was answered. */
export async function sendStartOffsets<Item extends TopicPartition>(
  session: Session,
  leaders: Leaders,
  connection: BrokerConnection,
  group: string,
  items: readonly Item[],
  startOffset: (item: Item) => bigint,
  timeout?: number,
): Promise<ItemResult<Item, Item>[]> {
  const quoted = JSON.stringify(group)
  const request = [...Map.groupBy(items, ({ topic }) => topic)].map(([name, of]) => ({
    name,
    partitions: of.map((item) => ({ partition: item.partition, startOffset: startOffset(item) })),
  }))
  const api = offeredVersion(connection, alterShareGroupOffsets)
  if (api === undefined) throw unsupported(connection)
  const response = await session.call(connection, api, [group, request], timeout)
  checkWhole(
    response,
    { doing: `set start offsets of share group ${quoted}`, acl: 'Read', group },
    connection,
  )
  const found = new Map(
    response.topics.flatMap(({ name, partitions }) =>
      partitions.map((answer) => [`${answer.partition} ${name}`, answer] as const),
    ),
  )
  const results: ItemResult<Item, Item>[] = []
  for (const item of items) {
    const { topic, partition } = item
    const answer = found.get(`${partition} ${topic}`)
    if (answer === undefined) continue
    if (answer.errorCode === 0) results.push({ item, result: item })
    else {
      const doing = `set the start offset of share group ${quoted} in ${topic}-${partition}`
      // A coordinator that does not know a partition may lag behind: only when the metadata agree is it missing.
      const retriable =
        answer.errorCode === codes.unknownTopic ? { retriable: await leaders.exists(item) } : {}
      const told = { doing, acl: 'Read', group, topic, partition, message: answer.errorMessage }
      results.push({ item, error: errorFromCode(answer.errorCode, { ...told, ...retriable }) })
    }
  }
  return results
}

/**
 * Takes start offsets of a share group away: with those of whole topics the group forgets the topic; elsewhere the
 * partition is set back to having none, and `share.auto.offset.reset` decides.
 */
export async function deleteShareOffsets(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<Outcome<TopicPartition, TopicPartition>> {
  const now = await fetchShareOffsets(session, coordinators, [group], undefined)
  const [unread] = now.failed
  if (unread) return { done: [], failed: partitions.map((item) => ({ item, error: unread.error })) }
  const leaving = new Set(partitions.map(({ topic, partition }) => `${partition} ${topic}`))
  const staying = new Set(
    (now.done[0]?.positions ?? [])
      .filter(({ topic, partition }) => !leaving.has(`${partition} ${topic}`))
      .map(({ topic }) => topic),
  )
  const single = partitions.filter(({ topic }) => staying.has(topic))
  const whole = partitions.filter(({ topic }) => !staying.has(topic))
  const outcomes = [
    single.length === 0
      ? undefined
      : await alterShareOffsets(session, coordinators, leaders, group, single, () => -1n),
    whole.length === 0 ? undefined : await deleteTopics(session, coordinators, leaders, group, whole),
  ]
  return {
    done: outcomes.flatMap((one) => one?.done ?? []),
    failed: outcomes.flatMap((one) => one?.failed ?? []),
  }
}

async function deleteTopics(
  session: Session,
  coordinators: Coordinators,
  leaders: Leaders,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<Outcome<TopicPartition, TopicPartition>> {
  const change = `delete start offsets of share group ${JSON.stringify(group)}`
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  const outcome = await runBatch<string, string>(session, {
    items: [...byTopic.keys()],
    perRequest: Number.POSITIVE_INFINITY,
    route: (open, round) => coordinators.route(open, round, () => group, change),
    send: async (connection, topics) => {
      const api = offeredVersion(connection, deleteShareGroupOffsets)
      if (api === undefined) throw unsupported(connection)
      const response = await session.call(connection, api, [group, [...topics]])
      checkWhole(response, { doing: change, acl: 'Delete', group }, connection)
      return Promise.all(
        response.topics.map(
          async ({ name: topic, errorCode, errorMessage }): Promise<ItemResult<string, string>> => {
            if (errorCode === 0) return { item: topic, result: topic }
            const retriable =
              errorCode === codes.unknownTopic
                ? { retriable: await leaders.exists({ topic, partition: 0 }) }
                : {}
            const told = { doing: `${change} in ${topic}`, acl: 'Read', group, topic, message: errorMessage }
            return { item: topic, error: errorFromCode(errorCode, { ...told, ...retriable }) }
          },
        ),
      )
    },
  })
  return {
    done: outcome.done.flatMap((topic) => byTopic.get(topic) ?? []),
    failed: outcome.failed.flatMap(({ item, error }) =>
      (byTopic.get(item) ?? []).map((partition) => ({ item: partition, error })),
    ),
  }
}

function checkWhole(
  { errorCode, errorMessage }: { readonly errorCode: number; readonly errorMessage: string | null },
  context: ErrorContext,
  connection: BrokerConnection,
): void {
  if (errorCode === 0) return
  if (errorCode === codes.unsupported) throw unsupported(connection)
  // Rights are named by the resource, not in the broker's words.
  throw errorFromCode(errorCode, { ...context, message: errorMessage, broker: connection.address })
}

function unsupported(connection: BrokerConnection): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_VERSION',
    `Broker ${connection.address} has no share groups whose start offsets can be set`,
    {
      details: { broker: connection.address },
      hint: 'Kafka 4.2 has them (feature share.version); leave the share groups out elsewhere.',
    },
  )
}
