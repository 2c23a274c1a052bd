import { isTidemarkError, retry, systemClock, type TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { joinGroup, leaveGroup, type MemberIdentity, sendHeartbeat, syncGroup } from './group-requests.ts'
import { errorFromCode, kafkaCodeOf } from './protocol-errors.ts'
import type { Cluster } from './types.ts'

/** A member as the leader sees it when it assigns. */
export interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | undefined
  /** What the member told of itself. */
  readonly metadata: Buffer
}

export interface GroupMemberOptions {
  readonly group: string
  /** Type and name of the protocol that all members speak. */
  readonly protocolType: string
  readonly protocol: string
  /** Name that stays the same over restarts; undefined = a dynamic member. Ignored by brokers before Kafka 2.3. */
  readonly instanceId: string | undefined
  /** Ms without a heartbeat after which the member is taken as gone. */
  readonly sessionTimeout: number
  /** Ms that a rebalance waits for members. */
  readonly rebalanceTimeout: number
  /** Ms between two heartbeats, at most a third of the session timeout. @default 3000 */
  readonly heartbeatInterval?: number
  /** What the member tells the leader of itself; asked at every join. */
  readonly metadata: () => Buffer
  /** Called on the leader: an assignment for each member. */
  readonly assign: (members: readonly JoinedMember[]) => ReadonlyMap<string, Buffer>
  /** A rebalance is over: from now on this holds. An empty buffer when the leader had nothing for this member. */
  readonly assigned: (assignment: Buffer, members: number | undefined) => void
  /** The coordinator does not know the member any more: what was assigned belongs to others. */
  readonly expelled: (reason: Error) => void
  /** Something went wrong in passing. What belongs to every rebalance is not told. */
  readonly troubled?: (error: Error) => void
}

const codes = {
  illegalGeneration: 22,
  unknownMember: 25,
  rebalancing: 27,
  groupAuthorizationFailed: 30,
  memberIdRequired: 79,
  fencedInstance: 82,
} as const
/** Ms that saying goodbye may take. */
const leavePatience = 5_000
const pauses = { attempts: Number.POSITIVE_INFINITY, delay: 50, maxDelay: 1000 }

/**
 * A member of a classic group with a protocol of its own, over a connection of its own (a join holds its connection until
 * the rebalance is over):
 *
 *     repeat: find the coordinator, join, assign when leading, sync
 *       heartbeats while all is well
 *       rebalance: join again, what was assigned holds until the next assignment
 *       expelled: say so, join as somebody new
 *
 * Not promised: that nobody else believes to have the same. Whoever was cut off learns of it late; what must not be done twice needs
 * a fence of its own.
 */
export class GroupMember implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: GroupMemberOptions
  readonly #closing = new AbortController()
  #instance: string | null
  #member = ''
  #generation = -1
  #connection: BrokerConnection | undefined
  #beating: Promise<boolean> | undefined
  #joining = false
  #wake: (() => void) | undefined

  constructor(cluster: Cluster, options: GroupMemberOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#instance = options.instanceId ?? null
  }

  /** Name of the member in its group; empty before it has joined. */
  get memberId(): string {
    return this.#member
  }

  /** Runs until left or aborted. Rejects with what waiting does not cure: a missing right, settings that the broker refuses. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#closing.signal])
    while (!ended.aborted) {
      try {
        this.#joining = true
        await this.#join(ended)
        this.#joining = false
        while (!ended.aborted && (await this.#beat())) await this.#pause(ended)
      } catch (error) {
        if (ended.aborted) return
        if (!passes(error)) throw error
        this.#tell(error)
        this.#connection?.close()
        await systemClock.sleep(pauses.delay + Math.random() * 200, ended).catch(() => {})
      }
    }
  }

  /**
   * Whether the principal may be a member at all, before it becomes one: nothing is changed. Rejects with AUTHORIZATION_FAILED and other
   * things that waiting does not cure; what passes by itself is left to `run`.
   */
  async mayJoin(signal: AbortSignal): Promise<void> {
    const { group } = this.#options
    try {
      const connection = await this.#connected(signal)
      const nobody = { group, generation: -1, member: 'nobody', instance: null }
      const code = await sendHeartbeat(connection, nobody)
      if (code === codes.groupAuthorizationFailed) throw this.#errorOf(code, 'join', connection)
    } catch (error) {
      if (!passes(error)) throw error
      this.#connection?.close()
    }
  }

  /**
   * Asks the coordinator now whether the last assignment still holds. False when a rebalance is under way, or when the member is
   * not known any more: then another assignment comes. Rejects when nobody can be asked.
   */
  async confirm(): Promise<boolean> {
    // A heartbeat that is under way was asked before now: in a process that was stopped meanwhile, long before. Its yes says nothing.
    if (this.#beating !== undefined && !(await this.#beating)) return false
    // The connection answers nothing else while it waits for the end of a rebalance.
    if (this.#generation < 0 || this.#joining) return false
    const holds = await this.#beat()
    if (!holds) this.#wake?.()
    return holds
  }

  /** Leaves the group, so that others go on at once, and ends. */
  async leave(reason: string): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#wake?.()
    if (this.#member !== '') await this.#leave(reason).catch(() => {})
    this.#connection?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#wake?.()
    this.#connection?.close()
  }

  async #leave(reason: string): Promise<void> {
    // The connection that waits for the end of a rebalance would carry the message only after it.
    if (this.#joining) this.#connection?.close()
    const own = this.#joining ? undefined : this.#connection
    const signal = AbortSignal.timeout(leavePatience)
    const connection = own?.open ? own : await this.#newConnection(signal)
    try {
      await leaveGroup(connection, this.#identity, reason)
    } finally {
      connection.close()
    }
  }

  get #identity(): MemberIdentity {
    const { group } = this.#options
    return { group, generation: this.#generation, member: this.#member, instance: this.#instance }
  }

  /** One rebalance: from the join to the assignment. */
  async #join(signal: AbortSignal): Promise<void> {
    await retry(
      pauses,
      async () => {
        const connection = await this.#connected(signal)
        const { protocolType, protocol, sessionTimeout, rebalanceTimeout } = this.#options
        const joined = await joinGroup(connection, {
          identity: this.#identity,
          protocolType,
          protocol,
          sessionTimeout,
          rebalanceTimeout,
          metadata: this.#options.metadata(),
        })
        // Whoever leaves meanwhile takes nothing on.
        signal.throwIfAborted()
        if (joined.errorCode === codes.memberIdRequired) this.#member = joined.memberId
        this.#judge(joined.errorCode, 'join', connection)
        this.#member = joined.memberId
        this.#generation = joined.generationId
        const leads = joined.leader === joined.memberId
        const assignments = leads && !joined.skipAssignment ? this.#assign(joined.members) : []
        const type = { type: protocolType, name: protocol }
        const synced = await syncGroup(connection, this.#identity, type, assignments, rebalanceTimeout)
        signal.throwIfAborted()
        this.#judge(synced.errorCode, 'sync with', connection)
        this.#options.assigned(synced.assignment, leads ? joined.members.length : undefined)
      },
      { signal, when: passes, onRetry: (error) => this.#tell(error) },
    )
  }

  #assign(
    members: readonly {
      readonly memberId: string
      readonly groupInstanceId: string | null
      readonly metadata: Buffer
    }[],
  ): { memberId: string; assignment: Buffer }[] {
    const all = members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      instanceId: groupInstanceId ?? undefined,
      metadata,
    }))
    return [...this.#options.assign(all)].map(([memberId, assignment]) => ({ memberId, assignment }))
  }

  /** Whether the membership holds. Whoever asks at the same time shares the answer. */
  #beat(): Promise<boolean> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = undefined
    })
    return this.#beating
  }

  async #beatOnce(): Promise<boolean> {
    const connection = await this.#connected(this.#closing.signal)
    const code = await sendHeartbeat(connection, this.#identity)
    if (code === 0) return true
    if (code === codes.rebalancing) return false
    this.#judge(code, 'keep up membership of', connection)
    return false
  }

  /** Throws for an error code, after the member has drawn its conclusions. */
  #judge(code: number, doing: string, connection: BrokerConnection): void {
    if (code === 0) return
    const error = this.#errorOf(code, doing, connection)
    if (code === codes.unknownMember || code === codes.fencedInstance || code === codes.illegalGeneration) {
      const was = this.#generation >= 0
      // Another process has our name: both go on, this one without it.
      if (code === codes.fencedInstance) this.#instance = null
      if (code !== codes.illegalGeneration) this.#member = ''
      this.#generation = -1
      if (was) this.#options.expelled(error)
    }
    if (moved.has(code)) connection.close()
    throw error
  }

  #errorOf(code: number, doing: string, { address }: BrokerConnection): TidemarkError {
    const { group } = this.#options
    return errorFromCode(code, {
      doing: `${doing} group ${JSON.stringify(group)}`,
      acl: 'Read',
      group,
      broker: address,
      ...(rejoins.has(code) && { retriable: true }),
    })
  }

  #tell(error: unknown): void {
    if (!rejoins.has(kafkaCodeOf(error) ?? 0)) this.#options.troubled?.(error as Error)
  }

  async #connected(signal: AbortSignal): Promise<BrokerConnection> {
    if (this.#connection?.fresh) return this.#connection
    this.#connection?.close()
    this.#connection = await this.#newConnection(signal)
    return this.#connection
  }

  async #newConnection(signal: AbortSignal): Promise<BrokerConnection> {
    const broker = await this.#cluster.groupCoordinator(this.#options.group, { signal })
    return await this.#cluster.connect(broker, { signal })
  }

  /** Until the next heartbeat is due, or somebody knows that a rebalance waits. */
  async #pause(signal: AbortSignal): Promise<void> {
    const due = new AbortController()
    this.#wake = () => due.abort()
    const { heartbeatInterval = 3_000, sessionTimeout } = this.#options
    const ms = Math.min(heartbeatInterval, sessionTimeout / 3)
    await systemClock.sleep(ms, AbortSignal.any([signal, due.signal])).catch(() => {})
    this.#wake = undefined
  }
}

/** After these the member joins again. */
const rejoins: ReadonlySet<number> = new Set([
  codes.illegalGeneration,
  codes.unknownMember,
  codes.rebalancing,
  codes.memberIdRequired,
  codes.fencedInstance,
])
const moved: ReadonlySet<number> = new Set([15, 16])

function passes(error: unknown): boolean {
  if (!isTidemarkError(error)) return false
  return error.retriable || error.code === 'BROKER_UNREACHABLE' || kafkaCodeOf(error) === codes.rebalancing
}
