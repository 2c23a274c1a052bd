import { chooseVersion, type Versions } from './api-choice.ts'
import { createAPI, type Reader, Writer } from './client-library.ts'
import type { Coordinators } from './coordinators.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { Outcome, Position } from './types.ts'

interface Renewed {
  readonly throttleTimeMs: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[]
  }[]
}

/*
  OffsetCommit Request (Version: 4) => group_id generation_id member_id retention_time_ms [topics]
    topics => name [partitions]
      partitions => partition_index committed_offset committed_metadata
*/
function request(group: string, keepMs: bigint, positions: readonly Position[]): Writer {
  const topics = [...Map.groupBy(positions, ({ topic }) => topic)]
  return Writer.create()
    .appendString(group, false)
    .appendInt32(-1)
    .appendString('', false)
    .appendInt64(keepMs)
    .appendArray(
      topics,
      (w, [topic, of]) =>
        w
          .appendString(topic, false)
          .appendArray(
            of,
            (v, { partition, offset, metadata }) =>
              v.appendInt32(partition).appendInt64(offset).appendString(metadata, false),
            false,
            false,
          ),
      false,
      false,
    )
}

/* OffsetCommit Response (Version: 4) => throttle_time_ms [topics]; topics => name [partitions]; partitions => partition_index error_code */
function response(_correlation: number, _key: number, _version: number, reader: Reader): Renewed {
  const throttleTimeMs = reader.readInt32()
  const topics = reader.readArray(
    (r) => ({
      name: r.readString(false),
      partitions: r.readArray(() => ({ partition: r.readInt32(), errorCode: r.readInt16() }), false, false),
    }),
    false,
    false,
  )
  return { throttleTimeMs, topics }
}

const api = createAPI<[group: string, keepMs: bigint, positions: readonly Position[]], Renewed>(
  8,
  4,
  request,
  response,
  false,
  false,
)
const versions: Versions<[group: string, keepMs: bigint, positions: readonly Position[]], Renewed> = [api]

/**
 * Commits positions with a time for which they are to be kept. A group that has had members loses its positions a while after the
 * last one left, and newer commits do not change that: only the versions of the request that carry a time do. These have
 * no leader epoch. A group with members answers GROUP_ACTIVE; a broker without these versions UNSUPPORTED_VERSION.
 */
export async function renewPositions(
  session: Session,
  coordinators: Coordinators,
  group: string,
  positions: readonly Position[],
  keepMs: number,
): Promise<Outcome<Position, Position>> {
  const doing = `commit positions of group ${JSON.stringify(group)} again`
  return runBatch<Position, Position>(session, {
    items: positions,
    perRequest: 1000,
    route: (open, round) => coordinators.route(open, round, () => group, doing),
    send: async (connection, part) => {
      const chosen = chooseVersion(connection, versions)
      const answer = await session.call(connection, chosen, [group, BigInt(Math.round(keepMs)), part])
      const found = new Map(
        answer.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partition, errorCode }) => [`${partition} ${name}`, errorCode] as const),
        ),
      )
      return part.flatMap((item): ItemResult<Position, Position>[] => {
        const { topic, partition } = item
        const code = found.get(`${partition} ${topic}`)
        if (code === undefined) return []
        if (code === 0) return [{ item, result: item }]
        const told = { acl: 'Read', group, topic, partition, broker: connection.address }
        return [{ item, error: errorFromCode(code, { doing: `${doing} in ${topic}-${partition}`, ...told }) }]
      })
    },
  })
}
