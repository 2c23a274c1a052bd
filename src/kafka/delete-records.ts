import type { Versions } from './api-choice.ts'
import { deleteRecordsV1, deleteRecordsV2 } from './client-library.ts'
import { allDone, type ItemResult, runBatch } from './item-batch.ts'
import type { Leaders } from './leaders.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { TopicPartition } from './types.ts'

type Cut = TopicPartition & { readonly offset: bigint }

const versions = [deleteRecordsV2.api, deleteRecordsV1.api] as Versions<
  [topics: { name: string; partitions: { partitionIndex: number; offset: bigint }[] }[], timeoutMs: number],
  {
    readonly throttleTimeMs: number
    readonly topics: readonly {
      readonly name: string
      readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
    }[]
  }
>
const context = { doing: 'delete records', acl: 'Delete' }

/** Deletes the records before each offset; −1 = all up to the high watermark. Rejects with the first failure. */
export async function deleteRecords(
  session: Session,
  leaders: Leaders,
  before: readonly Cut[],
): Promise<void> {
  const outcome = await runBatch<Cut, true>(session, {
    items: before,
    perRequest: 1000,
    route: (open, round) => leaders.route(open, round, context),
    send: async (connection, part) => {
      const topics = Map.groupBy(part, (cut) => cut.topic)
      const request = [...topics].map(([name, cuts]) => ({
        name,
        partitions: cuts.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
      }))
      const response = await session.request(connection, versions, [request, 30_000], 45_000)
      return response.topics.flatMap(({ name, partitions }) =>
        partitions.flatMap(({ partitionIndex, errorCode }): ItemResult<Cut, true>[] => {
          const item = topics.get(name)?.find((cut) => cut.partition === partitionIndex)
          if (item === undefined) return []
          if (errorCode === 0) return [{ item, result: true }]
          const { topic, partition } = item
          const doing = `${context.doing} of ${topic}-${partition}`
          return [{ item, error: errorFromCode(errorCode, { doing, acl: context.acl, topic, partition }) }]
        }),
      )
    },
  })
  allDone(outcome)
}
