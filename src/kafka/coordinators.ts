import { TidemarkError } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { findCoordinatorV1, findCoordinatorV2, findCoordinatorV4 } from './client-library.ts'
import type { Route } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'

/** What is coordinated: consumer groups (of every type) or transactional ids. */
export type CoordinatorType = 'group' | 'transaction'

interface Response {
  readonly throttleTimeMs: number
  readonly coordinators: readonly {
    readonly key: string
    readonly nodeId: number
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

/** From version 4 on (Kafka 3.0) many keys are looked up in one request. */
const versions = [findCoordinatorV4.api, findCoordinatorV2.api, findCoordinatorV1.api] as Versions<
  [keyType: number, keys: string[]],
  Response
>
const batchedVersion = 4
const keysPerRequest = 1000
const keyTypes = { group: 0, transaction: 1 } as const

/** Which broker coordinates which group. */
export class Coordinators {
  readonly #session: Session
  readonly #groups = new Map<string, number>()

  constructor(session: Session) {
    this.#session = session
  }

  /**
   * The coordinator of each item's group. In the first round what is known is used; later rounds ask afresh. `groupOf`
   * says which group an item belongs to.
   */
  async route<Item>(
    items: readonly Item[],
    round: number,
    groupOf: (item: Item) => string,
    doing: string,
  ): Promise<ReadonlyMap<Item, Route>> {
    const groups = new Set(items.map(groupOf))
    const asked = [...groups].filter((group) => round > 1 || !this.#groups.has(group))
    const found = await this.find('group', asked, doing)
    for (const [group, route] of found) {
      if (typeof route === 'number') this.#groups.set(group, route)
      else this.#groups.delete(group)
    }
    // Metadata may be older than the coordinator's last move.
    const known = new Set(this.#session.pool.brokers.map((broker) => broker.id))
    if ([...found.values()].some((route) => typeof route === 'number' && !known.has(route))) {
      await this.#session.metadata([])
    }
    return new Map(
      items.map((item): [Item, Route] => {
        const group = groupOf(item)
        const route = found.get(group) ?? this.#groups.get(group)
        return [
          item,
          route ?? new TidemarkError('PROTOCOL_ERROR', `No coordinator was told for group ${group}`),
        ]
      }),
    )
  }

  /** Asks for the coordinators of keys: a broker id for each, or the error that says why there is none. */
  async find(
    type: CoordinatorType,
    keys: readonly string[],
    doing: string,
  ): Promise<ReadonlyMap<string, number | TidemarkError>> {
    const found = new Map<string, number | TidemarkError>()
    if (keys.length === 0) return found
    const connection = await this.#session.pool.any()
    const api = chooseVersion(connection, versions)
    const size = api.version >= batchedVersion ? keysPerRequest : 1
    const parts: string[][] = []
    for (let at = 0; at < keys.length; at += size) parts.push(keys.slice(at, at + size))
    const ask = async (part: string[]) => {
      const response = await this.#session.call(connection, api, [keyTypes[type], part])
      for (const answer of response.coordinators) {
        const key = size === 1 ? (part[0] ?? '') : answer.key
        found.set(key, answer.errorCode === 0 ? answer.nodeId : refusal(type, key, answer, doing, connection))
      }
    }
    for (let at = 0; at < parts.length; at += 50) await Promise.all(parts.slice(at, at + 50).map(ask))
    return found
  }
}

/** Asks for the coordinator of one key; the pool knows the broker afterwards. One attempt. */
export async function coordinatorOf(
  session: Session,
  coordinators: Coordinators,
  type: CoordinatorType,
  key: string,
  doing: string,
): Promise<number> {
  const found = (await coordinators.find(type, [key], doing)).get(key)
  if (typeof found !== 'number') {
    throw found ?? new TidemarkError('PROTOCOL_ERROR', `No coordinator was told for ${key}`)
  }
  if (!session.pool.brokers.some((broker) => broker.id === found)) await session.metadata([])
  return found
}

function refusal(
  type: CoordinatorType,
  key: string,
  answer: { readonly errorCode: number; readonly errorMessage: string | null },
  doing: string,
  connection: BrokerConnection,
): TidemarkError {
  const group = type === 'group'
  return errorFromCode(answer.errorCode, {
    doing: `find the coordinator of ${group ? 'group' : 'transactional id'} ${JSON.stringify(key)}, to ${doing}`,
    acl: 'Describe',
    message: answer.errorMessage,
    broker: connection.address,
    ...(group ? { group: key } : { transactionalId: key }),
  })
}
