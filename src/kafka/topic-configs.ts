import type { TidemarkError } from '../base/index.ts'
import type { Versions } from './api-choice.ts'
import { describeConfigsV2, describeConfigsV4 } from './client-library.ts'
import { allDone, type ItemResult, runBatch } from './item-batch.ts'
import { readTopics } from './leaders.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { Outcome, TopicConfig } from './types.ts'

/** Entry of a resource's configuration, as the broker tells it. */
export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly isSensitive: boolean
  readonly configSource: number
}

interface Response {
  readonly throttleTimeMs: number
  readonly results: readonly {
    readonly errorCode: number
    readonly errorMessage: string | null
    readonly resourceName: string
    readonly configs: readonly ConfigEntry[]
  }[]
}

interface Resource {
  readonly resourceType: 2 | 4
  readonly resourceName: string
  readonly configurationKeys: null
}

/** Version 2 is that of Kafka 2.1. */
export const describeConfigsVersions = [describeConfigsV4.api, describeConfigsV2.api] as unknown as Versions<
  [resources: Resource[], includeSynonyms: boolean],
  Response
>

/** Kafka's numbers of resource types, and of the source "set on the topic itself". */
export const resourceTypes = { topic: 2, broker: 4 } as const
const topicSource = 1
const codes = { unknownTopic: 3, invalidTopic: 17 }

type TopicConfigs = readonly [topic: string, configs: readonly TopicConfig[]]

export interface ConfigsOptions {
  readonly signal?: AbortSignal
  /** Whom to ask. @default any broker */
  readonly broker?: number
}

/** Configs of each topic. Topics that do not exist are left out; one that may not be read rejects the whole. */
export async function topicConfigs(
  session: Session,
  topics: readonly string[],
  options: ConfigsOptions,
): Promise<ReadonlyMap<string, readonly TopicConfig[]>> {
  return new Map(
    allDone(await readTopicConfigs(session, topics, options.signal, options.broker)).filter(
      (told) => told !== undefined,
    ),
  )
}

/** Like {@link topicConfigs}, each topic with its own outcome; undefined for one that does not exist. */
export async function readTopicConfigs(
  session: Session,
  topics: readonly string[],
  signal?: AbortSignal,
  broker?: number,
): Promise<Outcome<string, TopicConfigs | undefined>> {
  return runBatch<string, TopicConfigs | undefined>(
    session,
    {
      items: [...new Set(topics)],
      perRequest: 200,
      route: async (items) => {
        const { pool } = session
        const connection = await (broker === undefined ? pool.any() : pool.to(broker))
        return new Map(items.map((item) => [item, connection]))
      },
      send: async (connection, part) => {
        const resources = part.map((resourceName): Resource => {
          return { resourceType: resourceTypes.topic, resourceName, configurationKeys: null }
        })
        const response = await session.request(connection, describeConfigsVersions, [resources, false])
        return Promise.all(response.results.map((answer) => resultOf(session, answer)))
      },
    },
    { signal },
  )
}

async function resultOf(
  session: Session,
  answer: Response['results'][number],
): Promise<ItemResult<string, TopicConfigs | undefined>> {
  const { errorCode, errorMessage, resourceName: item } = answer
  if (errorCode === 0) return { item, result: [item, answer.configs.filter(told).map(topicConfig)] }
  if (errorCode === codes.invalidTopic) return { item, result: undefined }
  const error = configError(errorCode, errorMessage, item, 'read', true)
  if (errorCode !== codes.unknownTopic) return { item, error }
  // The broker may lag behind: only when the metadata agree is the topic missing.
  const { topics } = await readTopics(session, [item])
  return topics.length > 0 ? { item, error } : { item, result: undefined }
}

/** The error for a config request of a topic. `lagging`: the answer may come from a broker that lags behind. */
export function configError(
  code: number,
  message: string | null,
  topic: string,
  verb: 'read' | 'change',
  lagging: boolean,
): TidemarkError {
  return errorFromCode(code, {
    doing: `${verb} the configs of topic ${JSON.stringify(topic)}`,
    acl: verb === 'read' ? 'DescribeConfigs' : 'AlterConfigs',
    topic,
    message,
    ...(code === codes.unknownTopic && { retriable: lagging }),
  })
}

function told(entry: ConfigEntry): boolean {
  return !entry.readOnly && !entry.isSensitive && entry.value !== null
}

function topicConfig(entry: ConfigEntry): TopicConfig {
  return {
    name: entry.name,
    value: entry.value ?? '',
    source: entry.configSource === topicSource ? 'topic' : 'inherited',
  }
}
