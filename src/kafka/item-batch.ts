import { isTidemarkError, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { type Bounds, mayHaveHappened, type Session } from './session.ts'
import type { Failure, Outcome } from './types.ts'

/** What became of one item of a request. A retriable error brings the item into the next round. */
export type ItemResult<Item, Result> =
  | { readonly item: Item; readonly result: Result }
  | { readonly item: Item; readonly error: TidemarkError }

/** A call for many items that live on different brokers. */
export interface ItemBatch<Item, Result> {
  readonly items: readonly Item[]
  /** Most items in one request. */
  readonly perRequest: number
  /**
   * The connection for each item, or why it has none: a retriable error delays the item, another one ends it. After a
   * failed round the answer must be found afresh.
   */
  route(items: readonly Item[], round: number): Promise<ReadonlyMap<Item, Route>>
  /**
   * One request. `uncertain` holds the items of which an earlier request was lost without an answer. A rejection
   * counts for every item. Items that are not answered count as lost.
   */
  send(
    connection: BrokerConnection,
    items: readonly Item[],
    uncertain: ReadonlySet<Item>,
  ): Promise<readonly ItemResult<Item, Result>[]>
}

/** Broker id, an open connection, or the reason why an item cannot be sent. */
export type Route = number | BrokerConnection | TidemarkError

/** Requests under way at once on one connection. */
const pipelined = 4

/**
 * Runs a batch round by round: route, send to all brokers at once, keep what succeeded, and send what failed with a
 * retriable error again until the delivery timeout. Partial failures are values; it rejects only when aborted.
 */
export async function runBatch<Item, Result>(
  session: Session,
  batch: ItemBatch<Item, Result>,
  options: Bounds = {},
): Promise<Outcome<Item, Result>> {
  const results = new Map<Item, Result>()
  const failures = new Map<Item, TidemarkError>()
  const uncertain = new Set<Item>()
  let open: readonly Item[] = batch.items

  const settle = (item: Item, error: TidemarkError, again: Item[]) => {
    failures.set(item, error)
    if (mayHaveHappened(error)) uncertain.add(item)
    if (error.retriable) again.push(item)
  }

  const round = async (attempt: number): Promise<void> => {
    const again: Item[] = []
    const groups = new Map<number | BrokerConnection, Item[]>()
    const routes = await batch.route(open, attempt)
    for (const item of open) {
      const route = routes.get(item) ?? notRouted()
      if (route instanceof TidemarkError) settle(item, route, again)
      else {
        const group = groups.get(route)
        if (group) group.push(item)
        else groups.set(route, [item])
      }
    }
    await Promise.all([...groups].map(([target, items]) => sendGroup(target, items, again)))
    open = again
    const [first] = again
    if (first !== undefined) throw failures.get(first) ?? notRouted()
  }

  const sendGroup = async (target: number | BrokerConnection, items: readonly Item[], again: Item[]) => {
    let connection: BrokerConnection
    try {
      connection = typeof target === 'number' ? await session.pool.to(target) : target
    } catch (error) {
      for (const item of items) settle(item, asTidemarkError(error), again)
      return
    }
    let next = 0
    const worker = async () => {
      while (next < items.length) {
        const part = items.slice(next, next + batch.perRequest)
        next += part.length
        await sendPart(connection, part, again)
      }
    }
    await Promise.all(Array.from({ length: pipelined }, worker))
  }

  const sendPart = async (connection: BrokerConnection, part: readonly Item[], again: Item[]) => {
    const unanswered = new Set(part)
    try {
      for (const answer of await batch.send(connection, part, uncertain)) {
        if (!unanswered.delete(answer.item)) continue
        if ('error' in answer) settle(answer.item, answer.error, again)
        else {
          results.set(answer.item, answer.result)
          failures.delete(answer.item)
        }
      }
      for (const item of unanswered) settle(item, leftOut(connection), again)
    } catch (error) {
      for (const item of unanswered) settle(item, asTidemarkError(error), again)
    }
  }

  try {
    await session.retrying(round, options)
  } catch (error) {
    session.signal.throwIfAborted()
    options.signal?.throwIfAborted()
    // What could not even be routed has no error of its own yet.
    for (const item of open) if (!failures.has(item)) failures.set(item, asTidemarkError(error))
  }
  const failed: Failure<Item>[] = [...failures].map(([item, error]) => ({ item, error }))
  return { done: [...results.values()], failed }
}

/** The results alone. Throws the first failure: for calls that make sense only as a whole. */
export function allDone<Item, Result>(outcome: Outcome<Item, Result>): readonly Result[] {
  const [failure] = outcome.failed
  if (failure !== undefined) throw failure.error
  return outcome.done
}

function asTidemarkError(error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TidemarkError('INTERNAL', `A request to the cluster failed: ${message}`, { cause: error })
}

function notRouted(): TidemarkError {
  return new TidemarkError('INTERNAL', 'A request to the cluster was not routed')
}

function leftOut(connection: BrokerConnection): TidemarkError {
  return new TidemarkError('PROTOCOL_ERROR', `Broker ${connection.address} left an item out of its answer`, {
    details: { broker: connection.address },
  })
}
