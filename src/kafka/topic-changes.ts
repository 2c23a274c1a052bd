import { isTidemarkError, TidemarkError } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import { brokerConfig } from './broker-configs.ts'
import {
  createPartitionsV1,
  createPartitionsV3,
  createTopicsV3,
  createTopicsV5,
  createTopicsV7,
  deleteTopicsV3,
  deleteTopicsV6,
} from './client-library.ts'
import { type ItemBatch, type ItemResult, type Route, runBatch } from './item-batch.ts'
import { readTopics } from './leaders.ts'
import { errorFromCode, kafkaCodeOf } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { NewTopic, Outcome, TopicInfo } from './types.ts'

interface CreateResponse {
  readonly throttleTimeMs: number
  readonly topics: readonly {
    readonly name: string
    readonly errorCode: number
    readonly errorMessage: string | null
    readonly numPartitions: number
  }[]
}

interface TopicRequest {
  readonly name: string
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments: []
  readonly configs: { readonly name: string; readonly value: string }[]
}

/** Version 3 is that of Kafka 2.1; from version 4 on the broker knows a default replication factor. */
const createVersions = [createTopicsV7.api, createTopicsV5.api, createTopicsV3.api] as Versions<
  [topics: TopicRequest[], timeoutMs: number, validateOnly: boolean],
  CreateResponse
>
const defaultReplicationVersion = 4
const deleteVersions = [deleteTopicsV6.api, deleteTopicsV3.api] as Versions<
  [topics: { name: string; topicId: null }[], timeoutMs: number],
  {
    readonly throttleTimeMs: number
    readonly responses: readonly {
      readonly name: string | null
      readonly errorCode: number
      readonly errorMessage: string | null
    }[]
  }
>
const partitionVersions = [createPartitionsV3.api, createPartitionsV1.api] as unknown as Versions<
  [topics: { name: string; count: number; assignments: null }[], timeoutMs: number, validateOnly: boolean],
  {
    readonly throttleTimeMs: number
    readonly results: readonly { readonly errorCode: number; readonly errorMessage: string | null }[]
  }
>

const codes = { unknownTopic: 3, noLeader: 5, notController: 41, alreadyExists: 36, invalidPartitions: 37 }
/** Ms that the broker may take, and ms that it is given to say so. */
const brokerTimeout = 30_000
const answerTimeout = 45_000
/** Ms that deleted topics are given to disappear from the metadata, and between two looks. */
const visible = { deadline: 60_000, maxDelay: 250 }
/** New topics that are looked for at once. */
const lookedFor = 100

/**
 * Creates topics and waits until they show with a leader for each partition. A topic that an earlier attempt, lost
 * without an answer, has created counts as created; one that was there before fails with `details.kafkaError`
 * TOPIC_ALREADY_EXISTS. With `validateOnly` nothing is created and the answer has no leaders.
 */
export async function createTopics(
  session: Session,
  topics: readonly NewTopic[],
  validateOnly: boolean,
): Promise<Outcome<NewTopic, TopicInfo>> {
  const outcome = await runBatch<NewTopic, NewTopic>(session, {
    items: topics,
    perRequest: 100,
    route: (open, round) => toController(session, open, round),
    send: async (connection, part, uncertain) => {
      const api = chooseVersion(connection, createVersions)
      const needsDefault =
        api.version < defaultReplicationVersion && part.some((t) => t.replicationFactor === undefined)
      const replicas = needsDefault ? Number(await brokerConfig(session, 'default.replication.factor')) : -1
      const requests = part.map((topic) => topicRequest(topic, replicas))
      const response = await session.call(
        connection,
        api,
        [requests, brokerTimeout, validateOnly],
        answerTimeout,
      )
      const answers = new Map(response.topics.map((answer) => [answer.name, answer]))
      return part.flatMap((item): ItemResult<NewTopic, NewTopic>[] => {
        const answer = answers.get(item.name)
        if (answer === undefined) return []
        const ours = answer.errorCode === codes.alreadyExists && uncertain.has(item)
        if (answer.errorCode === 0 || ours) return [{ item, result: item }]
        if (answer.errorCode === codes.notController) session.forgetController()
        return [{ item, error: topicError(answer, item.name, 'create', 'Create') }]
      })
    },
  })
  if (validateOnly) return { done: outcome.done.map(unborn), failed: outcome.failed }
  const shown = await awaitTopics(session, outcome.done)
  return { done: shown.done, failed: [...outcome.failed, ...shown.failed] }
}

/** Adds partitions until the topic has `count`, and waits until they show. */
export async function createPartitions(session: Session, topic: string, count: number): Promise<void> {
  const outcome = await runBatch<string, true>(session, {
    items: [topic],
    perRequest: 1,
    route: (open, round) => toController(session, open, round),
    send: async (connection, [item = topic], uncertain) => {
      const request = [{ name: topic, count, assignments: null }]
      const response = await session.request(
        connection,
        partitionVersions,
        [request, brokerTimeout, false],
        answerTimeout,
      )
      const [answer] = response.results
      if (answer === undefined) return []
      const again = answer.errorCode === codes.invalidPartitions && uncertain.has(item)
      if (answer.errorCode === 0 || (again && (await partitionCount(session, topic)) === count)) {
        return [{ item, result: true }]
      }
      if (answer.errorCode === codes.notController) session.forgetController()
      return [{ item, error: topicError(answer, topic, 'add partitions to', 'Alter') }]
    },
  })
  const [failure] = outcome.failed
  if (failure) throw failure.error
  const shown = await awaitTopics(session, [
    { name: topic, partitions: count, replicationFactor: undefined, configs: {} },
  ])
  if (shown.failed[0]) throw shown.failed[0].error
}

/** Deletes topics and waits until they do not show any more. */
export async function deleteTopics(
  session: Session,
  names: readonly string[],
): Promise<Outcome<string, string>> {
  const outcome = await runBatch<string, string>(session, {
    items: [...new Set(names)],
    perRequest: 100,
    route: (open, round) => toController(session, open, round),
    send: async (connection, part, uncertain) => {
      const request = part.map((name) => ({ name, topicId: null }))
      const response = await session.request(
        connection,
        deleteVersions,
        [request, brokerTimeout],
        answerTimeout,
      )
      return response.responses.map((answer): ItemResult<string, string> => {
        const item = answer.name ?? ''
        const gone = answer.errorCode === codes.unknownTopic && uncertain.has(item)
        if (answer.errorCode === 0 || gone) return { item, result: item }
        if (answer.errorCode === codes.notController) session.forgetController()
        return { item, error: topicError(answer, item, 'delete', 'Delete') }
      })
    },
  })
  await awaitGone(session, outcome.done)
  return outcome
}

/** The deletion is acknowledged by now: that a name shows again is worth a line in the log, not a failure. */
async function awaitGone(session: Session, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  const look = async () => {
    const { topics } = await session.metadata(names)
    if (topics.length > 0) throw stillThere(topics)
  }
  try {
    await session.retrying(look, visible)
  } catch (error) {
    session.signal.throwIfAborted()
    const message = error instanceof Error ? error.message : String(error)
    session.options.telemetry.log('warn', 'deleted topics cannot be seen to be gone', { error: message })
  }
}

async function toController<Item>(
  session: Session,
  items: readonly Item[],
  round: number,
): Promise<ReadonlyMap<Item, Route>> {
  if (round > 1) session.forgetController()
  const connection = await session.controller()
  return new Map(items.map((item) => [item, connection]))
}

/**
 * A broker makes the logs of new topics one after the other, which takes it minutes for thousands: it is waited for as
 * long as more of them show within each delivery timeout. The first ones are looked for first, so that the answers stay small.
 */
async function awaitTopics(
  session: Session,
  created: readonly NewTopic[],
): Promise<Outcome<NewTopic, TopicInfo>> {
  const done: TopicInfo[] = []
  let next = lookedFor
  for (let open = created.slice(0, next); open.length > 0; ) {
    const shown = await runBatch(session, look(session, open), { maxDelay: visible.maxDelay })
    done.push(...shown.done)
    const missing = shown.failed.map(({ item }) => item)
    if (missing.length > 0) {
      // A whole delivery timeout was not enough for these: all that is left is looked for together from here on.
      if (next >= created.length && shown.done.length === 0) return { done, failed: shown.failed }
      open = [...missing, ...created.slice(next)]
      next = created.length
    } else {
      open = created.slice(next, next + lookedFor)
      next += lookedFor
    }
  }
  return { done, failed: [] }
}

function look(session: Session, created: readonly NewTopic[]): ItemBatch<NewTopic, TopicInfo> {
  return {
    items: created,
    perRequest: 1000,
    route: async (items) => {
      const connection = await session.pool.any()
      return new Map(items.map((item) => [item, connection]))
    },
    send: async (_connection, items) => {
      const { topics } = await session.metadata(items.map((item) => item.name))
      const found = new Map(topics.map((topic) => [topic.name, topic]))
      return items.map((item) => {
        const topic = found.get(item.name)
        const led = topic?.partitions.filter((partition) => partition.leader !== undefined).length ?? 0
        if (topic && led >= item.partitions && led === topic.partitions.length) return { item, result: topic }
        const doing = `see the new topic ${quote(item.name)}`
        return { item, error: errorFromCode(codes.noLeader, { doing, topic: item.name }) }
      })
    },
  }
}

async function partitionCount(session: Session, topic: string): Promise<number> {
  const { topics } = await readTopics(session, [topic])
  return topics[0]?.partitions.length ?? 0
}

function topicRequest(topic: NewTopic, defaultReplicas: number): TopicRequest {
  return {
    name: topic.name,
    numPartitions: topic.partitions,
    replicationFactor: topic.replicationFactor ?? defaultReplicas,
    assignments: [],
    configs: Object.entries(topic.configs).map(([name, value]) => ({ name, value })),
  }
}

function unborn(topic: NewTopic): TopicInfo {
  return {
    name: topic.name,
    id: undefined,
    internal: false,
    partitions: Array.from({ length: topic.partitions }, (_, partition) => ({
      partition,
      leader: undefined,
      leaderEpoch: -1,
      replicas: [],
      isr: [],
    })),
  }
}

/** A topic that the controller does not know does not exist: waiting would not help. */
function topicError(
  answer: { readonly errorCode: number; readonly errorMessage: string | null },
  topic: string,
  verb: string,
  acl: string,
): TidemarkError {
  return errorFromCode(answer.errorCode, {
    doing: `${verb} topic ${quote(topic)}`,
    acl,
    topic,
    message: answer.errorMessage,
    ...(answer.errorCode === codes.unknownTopic && { retriable: false }),
  })
}

function stillThere(topics: readonly TopicInfo[]): TidemarkError {
  const [first] = topics
  const message = `${topics.length} deleted topics still show, ${quote(first?.name ?? '')} among them`
  return new TidemarkError('BROKER_ERROR', message, { retriable: true })
}

/** Whether an error says that a topic of that name exists already. */
export function isTopicExists(error: unknown): boolean {
  return isTidemarkError(error) && kafkaCodeOf(error) === codes.alreadyExists
}

function quote(text: string): string {
  return JSON.stringify(text)
}
