import type { BrokerConnection } from './broker-connection.ts'
import { apiKey } from './data-codes.ts'
import type { FetchMemory, ResponseMemory } from './fetch-memory.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { divergenceVersion, fetchRequest, topicIdVersion } from './fetch-request.ts'
import { type FetchResponse, fetchResponse } from './fetch-response.ts'

/** Ms beyond the broker's own waiting after which an answer is overdue. */
const answerTime = 30_000

export interface FlightPlan {
  readonly asked: readonly FetchPartition[]
  readonly version: number
  readonly maxWait: number
  readonly maxBytes: number
  readonly committed: boolean
  readonly rack: string
}

/** A response and the memory it lies in, held once by whoever reads it. */
export interface Landed {
  readonly response: FetchResponse
  readonly frame: Buffer
  readonly memory: ResponseMemory
}

/** The Fetch version for these partitions: names instead of ids where an id is not known. */
export function flightVersion(connectionVersion: number, asked: readonly FetchPartition[]): number {
  if (connectionVersion < topicIdVersion || asked.every((p) => p.topicId !== undefined)) {
    return connectionVersion
  }
  return divergenceVersion
}

/**
 * Sends one Fetch request, for which `reserved` bytes of the memory are set aside, and reads the response. The
 * reservation is used up or given back, whatever happens.
 */
export async function fly(
  connection: BrokerConnection,
  plan: FlightPlan,
  memory: FetchMemory,
  reserved: number,
): Promise<Landed> {
  let claimed: ResponseMemory | undefined
  try {
    const asks = plan.asked.map((p) => ({
      topic: p.topic,
      topicId: p.topicId,
      partition: p.partition,
      offset: p.next,
      leaderEpoch: p.leaderEpoch,
      lastFetchedEpoch: p.lastEpoch,
    }))
    const body = fetchRequest(plan.version, asks, plan)
    const frame = await connection.exchange({
      apiKey: apiKey.fetch,
      apiVersion: plan.version,
      flexible: plan.version >= divergenceVersion,
      body: [body],
      timeout: plan.maxWait + answerTime,
      into: (size) => {
        claimed = memory.claim(size, reserved)
        return claimed.buffer
      },
    })
    if (claimed === undefined) throw new Error('a response without memory')
    return { response: fetchResponse(frame, plan.version), frame, memory: claimed }
  } catch (error) {
    if (claimed) claimed.release()
    else memory.unreserve(reserved)
    throw error
  }
}
