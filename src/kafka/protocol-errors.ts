import { type ErrorCode, type ErrorDetails, TidemarkError } from '../base/index.ts'
import { protocolErrorCodes } from './protocol-error-codes.ts'

/** Where an error code came from, for the sentence that the user reads. */
export interface ErrorContext {
  /** What was being done, continuing "Cannot …", for example `create topic "orders"`. */
  readonly doing: string
  /** The operation that an ACL must allow, as Kafka names it: `Read`, `DescribeConfigs`, … */
  readonly acl?: string
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
  readonly transactionalId?: string
  /** `host:port` of the broker that answered. */
  readonly broker?: string
  /** The broker's own words, where it sent any. */
  readonly message?: string | null
  /** Overrides whether the same request may succeed later. */
  readonly retriable?: boolean
}

const named: Readonly<Record<string, ErrorCode>> = {
  OFFSET_OUT_OF_RANGE: 'OFFSET_OUT_OF_RANGE',
  UNKNOWN_TOPIC_OR_PARTITION: 'TOPIC_NOT_FOUND',
  UNKNOWN_TOPIC_ID: 'TOPIC_NOT_FOUND',
  INVALID_TOPIC_EXCEPTION: 'CONFIG_INVALID',
  INVALID_CONFIG: 'CONFIG_INVALID',
  INVALID_PARTITIONS: 'CONFIG_INVALID',
  INVALID_REPLICATION_FACTOR: 'CONFIG_INVALID',
  REQUEST_TIMED_OUT: 'REQUEST_TIMEOUT',
  MESSAGE_TOO_LARGE: 'RECORD_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'RECORD_TOO_LARGE',
  CORRUPT_MESSAGE: 'RECORD_CORRUPT',
  UNSUPPORTED_VERSION: 'UNSUPPORTED_VERSION',
  UNSUPPORTED_SASL_MECHANISM: 'AUTHENTICATION_FAILED',
  SASL_AUTHENTICATION_FAILED: 'AUTHENTICATION_FAILED',
  ILLEGAL_SASL_STATE: 'AUTHENTICATION_FAILED',
  GROUP_ID_NOT_FOUND: 'GROUP_NOT_FOUND',
  NON_EMPTY_GROUP: 'GROUP_ACTIVE',
  GROUP_SUBSCRIBED_TO_TOPIC: 'GROUP_ACTIVE',
  UNKNOWN_MEMBER_ID: 'GROUP_ACTIVE',
  ILLEGAL_GENERATION: 'GROUP_ACTIVE',
  REBALANCE_IN_PROGRESS: 'GROUP_ACTIVE',
  STALE_MEMBER_EPOCH: 'GROUP_ACTIVE',
  FENCED_MEMBER_EPOCH: 'GROUP_ACTIVE',
}

const sentences: Readonly<Record<string, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'the topic or partition does not exist',
  UNKNOWN_TOPIC_ID: 'no topic has this id',
  NOT_LEADER_OR_FOLLOWER: 'the broker does not lead the partition any more',
  LEADER_NOT_AVAILABLE: 'the partition has no leader',
  OFFSET_METADATA_TOO_LARGE:
    'the commit metadata is larger than the broker takes (offset.metadata.max.bytes)',
  COORDINATOR_NOT_AVAILABLE: 'the coordinator is not available',
  COORDINATOR_LOAD_IN_PROGRESS: 'the coordinator is still loading',
  NOT_COORDINATOR: 'the coordinator has moved',
  NON_EMPTY_GROUP: 'the group has active members',
  GROUP_SUBSCRIBED_TO_TOPIC: 'members of the group are subscribed to the topic',
  UNKNOWN_MEMBER_ID: 'the group has active members',
  ILLEGAL_GENERATION: 'the group has active members',
  REBALANCE_IN_PROGRESS: 'the group is rebalancing',
  STALE_MEMBER_EPOCH: 'the group has active members',
  FENCED_MEMBER_EPOCH: 'the group has active members',
  GROUP_ID_NOT_FOUND: 'the group does not exist',
  TOPIC_ALREADY_EXISTS: 'a topic of that name exists',
  UNSTABLE_OFFSET_COMMIT: 'a commit is still part of an open transaction',
  NOT_ENOUGH_REPLICAS: 'fewer replicas are in sync than min.insync.replicas demands',
  POLICY_VIOLATION: "the cluster's policy refuses it",
}

const hints: Partial<Record<ErrorCode, string>> = {
  GROUP_ACTIVE: 'Stop the applications of the group first.',
  RECORD_TOO_LARGE: 'Raise max.message.bytes of the topic.',
}

/** Name of a Kafka error code, for example `NOT_COORDINATOR`; `ERROR_<code>` for one that is not known. */
export function protocolErrorName(code: number): string {
  return protocolErrorCodes[code]?.[0] ?? `ERROR_${code}`
}

/** Whether Kafka calls the error retriable. Unknown codes are not. */
export function isRetriableCode(code: number): boolean {
  return protocolErrorCodes[code]?.[1] ?? false
}

/**
 * The error that a Kafka error code stands for. `details.kafkaCode` and `details.kafkaError` hold code and name.
 * Refused rights become AUTHORIZATION_FAILED that names the resource and the operation to allow; codes without a
 * meaning of their own become BROKER_ERROR.
 */
export function errorFromCode(code: number, context: ErrorContext): TidemarkError {
  const name = protocolErrorName(code)
  const details = detailsOf(code, name, context)
  const retriable = context.retriable ?? isRetriableCode(code)
  if (name.endsWith('AUTHORIZATION_FAILED')) {
    const resource = resourceOf(name, context)
    return new TidemarkError(
      'AUTHORIZATION_FAILED',
      `Cannot ${context.doing}: the principal has no right to ${resource}`,
      {
        details,
        hint:
          context.acl === 'IdempotentWrite'
            ? 'Allow it the operation Write on the topics that it writes; brokers before 3.0 ask for IdempotentWrite on the cluster.'
            : `Allow it the operation ${context.acl ?? 'Describe'} on ${resource}.`,
      },
    )
  }
  const said = context.message?.trim().replace(/\.$/, '')
  const reason = said || sentences[name] || name.toLowerCase().replaceAll('_', ' ')
  const errorCode = named[name] ?? 'BROKER_ERROR'
  const hint = hints[errorCode]
  return new TidemarkError(errorCode, `Cannot ${context.doing}: ${reason} (${name})`, {
    retriable,
    details,
    ...(hint && { hint }),
  })
}

/** The Kafka error code that an error was made from, or undefined. */
export function kafkaCodeOf(error: unknown): number | undefined {
  const code = error instanceof TidemarkError ? error.details.kafkaCode : undefined
  return typeof code === 'number' ? code : undefined
}

function resourceOf(name: string, context: ErrorContext): string {
  if (name === 'TOPIC_AUTHORIZATION_FAILED' && context.topic !== undefined)
    return `topic ${quote(context.topic)}`
  if (name === 'GROUP_AUTHORIZATION_FAILED' && context.group !== undefined)
    return `group ${quote(context.group)}`
  if (name === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' && context.transactionalId !== undefined) {
    return `transactional id ${quote(context.transactionalId)}`
  }
  if (name === 'TOPIC_AUTHORIZATION_FAILED') return 'the topic'
  if (name === 'GROUP_AUTHORIZATION_FAILED') return 'the group'
  return 'the cluster'
}

function detailsOf(code: number, name: string, context: ErrorContext): ErrorDetails {
  const { topic, partition, group, transactionalId, broker } = context
  return {
    kafkaCode: code,
    kafkaError: name,
    ...(topic !== undefined && { topic }),
    ...(partition !== undefined && { partition }),
    ...(group !== undefined && { group }),
    ...(transactionalId !== undefined && { transactionalId }),
    ...(broker !== undefined && { broker }),
  }
}

function quote(text: string): string {
  return JSON.stringify(text)
}
