import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { listOffsetsV4, listOffsetsV7 } from './client-library.ts'
import { allDone, type ItemResult, runBatch } from './item-batch.ts'
import type { Leaders } from './leaders.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Bounds, Session } from './session.ts'
import type { ListedOffset, OffsetSpec, Outcome, TopicPartition } from './types.ts'

type Asked = TopicPartition & { readonly at: OffsetSpec }

interface Request {
  readonly name: string
  readonly partitions: {
    readonly partitionIndex: number
    readonly currentLeaderEpoch: number
    readonly timestamp: bigint
  }[]
}

interface Response {
  readonly throttleTimeMs: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly offset: bigint
      readonly leaderEpoch: number
    }[]
  }[]
}

/** Version 4 is that of Kafka 2.1; the largest timestamp can be asked for from version 7 (Kafka 3.0) on. */
const versions = [listOffsetsV7.api, listOffsetsV4.api] as Versions<
  [replica: number, isolation: 0 | 1, topics: Request[]],
  Response
>
const maxTimestampVersion = 7
const perRequest = 5000
const context = { doing: 'list an offset', acl: 'Describe' }

/** Asks the leaders. Answers stand in the order of the questions. Rejects when any question cannot be answered. */
export async function listOffsets(
  session: Session,
  leaders: Leaders,
  asked: readonly Asked[],
  signal: AbortSignal | undefined,
): Promise<readonly ListedOffset[]> {
  const questions = asked.map((question) => ({ ...question }))
  const answers = allDone(await tryListOffsets(session, leaders, questions, { signal }))
  const byQuestion = new Map(answers.map(({ question, ...answer }) => [question, answer]))
  return questions.map((question) => byQuestion.get(question)).filter((answer) => answer !== undefined)
}

/** Asks the leaders, each question with its own outcome. No object may stand twice among the questions. */
export async function tryListOffsets(
  session: Session,
  leaders: Leaders,
  asked: readonly Asked[],
  bounds: Bounds,
): Promise<Outcome<Asked, ListedOffset & { readonly question: Asked }>> {
  return runBatch<Asked, ListedOffset & { readonly question: Asked }>(
    session,
    {
      items: asked,
      perRequest,
      route: (open, round) => leaders.route(open, round, context),
      send: async (connection, part) => {
        const waves = oneQuestionEach(part).map((wave) => ask(session, leaders, connection, wave))
        return (await Promise.all(waves))
          .flat()
          .map((answer) =>
            'error' in answer
              ? answer
              : { item: answer.item, result: { ...answer.result, question: answer.item } },
          )
      },
    },
    bounds,
  )
}

/** A request may name a partition only once, and has one isolation level. */
function oneQuestionEach(items: readonly Asked[]): Asked[][] {
  const waves = new Map<string, Asked[]>()
  const seen = new Map<string, number>()
  for (const item of items) {
    const stable = item.at === 'last-stable'
    const key = `${stable} ${item.partition} ${item.topic}`
    const nth = seen.get(key) ?? 0
    seen.set(key, nth + 1)
    const wave = `${stable} ${nth}`
    const items = waves.get(wave)
    if (items) items.push(item)
    else waves.set(wave, [item])
  }
  return [...waves.values()]
}

async function ask(
  session: Session,
  leaders: Leaders,
  connection: BrokerConnection,
  items: readonly Asked[],
): Promise<ItemResult<Asked, ListedOffset>[]> {
  const api = chooseVersion(connection, versions)
  const tooOld = (item: Asked) => api.version < maxTimestampVersion && item.at === 'max-timestamp'
  const early = items.filter(tooOld)
  const refused = early.map((item) => ({
    item,
    error: errorFromCode(35, {
      doing: `find the largest timestamp of ${item.topic}-${item.partition}`,
      message: 'the broker is older than Kafka 3.0',
    }),
  }))
  const sent = items.filter((item) => !tooOld(item))
  if (sent.length === 0) return refused
  const isolation = sent[0]?.at === 'last-stable' ? 1 : 0
  const response = await session.call(connection, api, [-1, isolation, topicsOf(leaders, sent)])
  const found = new Map<string, Response['topics'][number]['partitions'][number]>()
  for (const topic of response.topics) {
    for (const partition of topic.partitions)
      found.set(`${partition.partitionIndex} ${topic.name}`, partition)
  }
  const results: ItemResult<Asked, ListedOffset>[] = [...refused]
  for (const item of sent) {
    const answer = found.get(`${item.partition} ${item.topic}`)
    if (answer === undefined) continue
    const { topic, partition } = item
    if (answer.errorCode !== 0) {
      const doing = `${context.doing} of ${topic}-${partition}`
      const broker = connection.address
      results.push({
        item,
        error: errorFromCode(answer.errorCode, { doing, acl: context.acl, topic, partition, broker }),
      })
      continue
    }
    results.push({
      item,
      result: {
        topic,
        partition,
        offset: answer.offset >= 0n ? answer.offset : undefined,
        leaderEpoch: answer.leaderEpoch >= 0 ? answer.leaderEpoch : undefined,
      },
    })
  }
  return results
}

function topicsOf(leaders: Leaders, items: readonly Asked[]): Request[] {
  const topics = new Map<string, Request>()
  for (const item of items) {
    const topic = topics.get(item.topic) ?? { name: item.topic, partitions: [] }
    topics.set(item.topic, topic)
    topic.partitions.push({
      partitionIndex: item.partition,
      // Lets a broker that is not the leader any more, or not yet, say so instead of answering from the past.
      currentLeaderEpoch: leaders.partition(item)?.leaderEpoch ?? -1,
      timestamp: timestampOf(item.at),
    })
  }
  return [...topics.values()]
}

function timestampOf(at: OffsetSpec): bigint {
  // Negative times are names of offsets on the wire, and no record is older than the epoch.
  if (typeof at === 'object') return at.timestamp < 0n ? 0n : at.timestamp
  if (at === 'earliest') return -2n
  return at === 'max-timestamp' ? -3n : -1n
}
