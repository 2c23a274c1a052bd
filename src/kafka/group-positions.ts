import { isTidemarkError, systemClock } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { offsetFetchV5, offsetFetchV7, offsetFetchV8 } from './client-library.ts'
import type { Coordinators } from './coordinators.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import { coordinatorsMoving, SettledCoordinators } from './settled-coordinators.ts'
import { fetchShareOffsets } from './share-offsets.ts'
import type { Failure, GroupPositions, Outcome, Position, TopicPartition } from './types.ts'

interface FetchedTopic {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly metadata: string | null
    readonly errorCode: number
  }[]
}

interface Response {
  readonly throttleTimeMs: number
  /** From version 8 on. */
  readonly groups: readonly {
    readonly groupId: string
    readonly topics: readonly FetchedTopic[]
    readonly errorCode: number
  }[]
  /** Below version 8. */
  readonly topics?: readonly FetchedTopic[]
  readonly errorCode?: number
}

/** Many groups in one request from version 8 on (Kafka 3.0), `require_stable` from version 7 on (2.5), 5 is Kafka 2.1. */
const versions = [offsetFetchV8.api, offsetFetchV7.api, offsetFetchV5.api] as unknown as Versions<
  [groups: { groupId: string; topics: null }[], requireStable: boolean],
  Response
>
const batchedVersion = 8
const codes = { unstable: 88, groupNotFound: 69 }
const perRequest = 200
const doing = 'fetch positions'
/** Ms that open transactions are given to decide about a commit. */
const stableWait = 10_000

/**
 * All positions of each group: one request for hundreds of groups where the broker can. Commits that are part of an
 * open transaction are waited for; what is still undecided after ten seconds is given as it was last decided, and
 * named in `unstable`. Of share groups it is the start offsets (`type` says so). A group without positions, or that does not exist, has none. An answer given while a coordinator
 * moved, which may lack the newest commits, is asked for again.
 *
 * Brokers leave out topics that the principal may not describe, without a word.
 */
export async function fetchPositions(
  session: Session,
  coordinators: Coordinators,
  groups: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Outcome<string, GroupPositions>> {
  const done: GroupPositions[] = []
  const failed: Failure<string>[] = []
  const unstable = new Map<string, readonly TopicPartition[]>()
  const deadline = systemClock.monotonic() + stableWait
  let open: readonly string[] = [...new Set(groups)]
  for (let pause = 50; open.length > 0; pause = Math.min(1000, pause * 2)) {
    const stable = systemClock.monotonic() < deadline
    const outcome = await fetchSettled(session, coordinators, open, stable, signal)
    failed.push(...outcome.failed)
    const again: string[] = []
    for (const fetched of outcome.done) {
      if (stable && fetched.unstable.length > 0) {
        unstable.set(fetched.group, fetched.unstable)
        again.push(fetched.group)
      } else {
        done.push({ ...fetched, unstable: stable ? [] : (unstable.get(fetched.group) ?? []) })
      }
    }
    open = again
    if (open.length > 0) {
      await systemClock.sleep(pause, signal ? AbortSignal.any([signal, session.signal]) : session.signal)
    }
  }
  return { done, failed }
}

/** Fetches until the coordinator of each group has answered while it was settled. */
async function fetchSettled(
  session: Session,
  coordinators: Coordinators,
  groups: readonly string[],
  stable: boolean,
  signal: AbortSignal | undefined,
): Promise<Outcome<string, GroupPositions>> {
  const done: GroupPositions[] = []
  const failed: Failure<string>[] = []
  let open = groups
  const round = async () => {
    const before = await SettledCoordinators.look(session)
    const outcome = await fetchOnce(session, coordinators, open, stable, signal)
    const after = await SettledCoordinators.look(session)
    failed.push(...outcome.failed)
    const counts = ({ group }: GroupPositions) => before.coversGroup(group, after)
    done.push(...outcome.done.filter(counts))
    open = outcome.done.filter((fetched) => !counts(fetched)).map(({ group }) => group)
    if (open.length > 0) throw coordinatorsMoving('positions')
  }
  try {
    await session.retrying(round, { signal })
  } catch (error) {
    session.signal.throwIfAborted()
    signal?.throwIfAborted()
    if (!isTidemarkError(error)) throw error
    failed.push(...open.map((item) => ({ item, error })))
  }
  return { done, failed }
}

async function fetchOnce(
  session: Session,
  coordinators: Coordinators,
  groups: readonly string[],
  stable: boolean,
  signal: AbortSignal | undefined,
): Promise<Outcome<string, GroupPositions>> {
  const outcome = await runBatch<string, GroupPositions>(
    session,
    {
      items: groups,
      perRequest,
      route: (open, round) => coordinators.route(open, round, (group) => group, doing),
      send: async (connection, part) => {
        const fetched = await fetchFrom(session, connection, part, stable)
        return fetched.map(({ groupId, errorCode, topics }): ItemResult<string, GroupPositions> => {
          const item = groupId
          if (errorCode === 0 || errorCode === codes.groupNotFound) return groupResult(item, topics)
          return { item, error: refusal(errorCode, item) }
        })
      },
    },
    { signal },
  )
  return await withShareOffsets(session, coordinators, outcome, signal)
}

/** Groups of which nothing is committed may be share groups: brokers tell their start offsets on another request. */
async function withShareOffsets(
  session: Session,
  coordinators: Coordinators,
  outcome: Outcome<string, GroupPositions>,
  signal: AbortSignal | undefined,
): Promise<Outcome<string, GroupPositions>> {
  const empty = outcome.done.filter(({ positions, unstable }) => positions.length + unstable.length === 0)
  if (empty.length === 0) return outcome
  const names = empty.map(({ group }) => group)
  const shared = await fetchShareOffsets(session, coordinators, names, signal)
  const offsets = new Map(shared.done.map(({ group, positions }) => [group, positions]))
  const failed = new Set(shared.failed.map(({ item }) => item))
  return {
    done: outcome.done
      .filter(({ group }) => !failed.has(group))
      .map((fetched): GroupPositions => {
        const positions = offsets.get(fetched.group)
        return positions === undefined ? fetched : { ...fetched, type: 'share', positions }
      }),
    failed: [...outcome.failed, ...shared.failed],
  }
}

async function fetchFrom(
  session: Session,
  connection: BrokerConnection,
  groups: readonly string[],
  stable: boolean,
): Promise<readonly Response['groups'][number][]> {
  const api = chooseVersion(connection, versions)
  const request = groups.map((groupId) => ({ groupId, topics: null }))
  if (api.version >= batchedVersion) return (await session.call(connection, api, [request, stable])).groups
  return Promise.all(
    request.map(async (group) => {
      const response = await session.call(connection, api, [[group], stable])
      return { groupId: group.groupId, topics: response.topics ?? [], errorCode: response.errorCode ?? 0 }
    }),
  )
}

function groupResult(group: string, topics: readonly FetchedTopic[]): ItemResult<string, GroupPositions> {
  const positions: Position[] = []
  const unstable: TopicPartition[] = []
  for (const { name: topic, partitions } of topics) {
    for (const fetched of partitions) {
      const partition = fetched.partitionIndex
      if (fetched.errorCode === codes.unstable) unstable.push({ topic, partition })
      else if (fetched.errorCode !== 0)
        return { item: group, error: refusal(fetched.errorCode, group, topic) }
      else if (fetched.committedOffset >= 0n) {
        positions.push({
          topic,
          partition,
          offset: fetched.committedOffset,
          leaderEpoch: fetched.committedLeaderEpoch,
          metadata: fetched.metadata,
        })
      }
    }
  }
  return { item: group, result: { group, positions, unstable } }
}

function refusal(code: number, group: string, topic?: string) {
  return errorFromCode(code, {
    doing: `fetch the positions of group ${JSON.stringify(group)}`,
    acl: 'Describe',
    group,
    ...(topic !== undefined && { topic }),
  })
}
