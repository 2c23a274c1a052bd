import { hostname } from 'node:os'
import { type Clock, systemClock, type Telemetry, type TidemarkError } from '../../base/index.ts'
import { type Cluster, GroupMember } from '../../kafka/index.ts'
import { syncGroupOf } from '../workers/shards.ts'
import {
  assignTurns,
  decodeTurnAssignment,
  encodeTurnMembership,
  turnProtocol,
} from '../workers/turn-membership.ts'
import type { SyncJob } from './job.ts'
import { type Standing, type Turn, TurnBook } from './turn-book.ts'

export interface SyncTurnOptions {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly signal: AbortSignal
  /** The program does one round and ends. */
  readonly once: boolean
  /** The coordinator cannot be reached for now. */
  readonly onTrouble: (error: TidemarkError) => void
}

/** Ms between two heartbeats: so long it takes at most until those who stand by learn that the turn is free. */
const heartbeatInterval = 1_000

/**
 * The turn among the sync programs of a pipeline, as members of a group of their own on the target. Members are dynamic: under the name
 * of a static one, a second process could have the turn while the first still commits.
 */
export class SyncTurn implements AsyncDisposable {
  readonly group: string
  readonly #member: GroupMember
  readonly #book: TurnBook
  readonly #ending = new AbortController()
  readonly #membership: Promise<void>
  #failure: { readonly error: unknown } | undefined

  private constructor(group: string, member: GroupMember, book: TurnBook) {
    this.group = group
    this.#member = member
    this.#book = book
    this.#membership = member.run(this.#ending.signal).catch((error: unknown) => {
      this.#failure = { error }
      book.ring()
    })
  }

  /** Begins to stand in line. Rejects with AUTHORIZATION_FAILED before anything is changed. */
  static async open(target: Cluster, job: SyncJob, options: SyncTurnOptions): Promise<SyncTurn> {
    const { clock, telemetry, signal, once, onTrouble } = options
    const { name, workerId, sessionTimeout } = job
    const group = syncGroupOf(name)
    const book = new TurnBook({ clock, sessionTimeout, ask: () => member.confirm() })
    const member = new GroupMember(target, {
      group,
      protocolType: turnProtocol.type,
      protocol: turnProtocol.name,
      instanceId: undefined,
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval,
      metadata: () => encodeTurnMembership({ program: programName(workerId), once, ...book.claim }),
      assign: assignTurns,
      assigned: (bytes) => book.assigned(decodeTurnAssignment(bytes)),
      expelled: () => book.expelled(),
      troubled: (error) => {
        telemetry.log('warn', `The group ${group} cannot be reached: ${error.message}`)
        onTrouble(error as TidemarkError)
      },
    })
    try {
      await member.mayJoin(signal)
    } catch (error) {
      await member[Symbol.asyncDispose]()
      throw error
    }
    return new SyncTurn(group, member, book)
  }

  /** Throws what ended the membership. */
  get standing(): Standing {
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#book.standing
  }

  /** The turn, if it is this program's. Throws what ended the membership. */
  take(): Turn | undefined {
    return this.standing.type === 'mine' ? this.#book.take() : undefined
  }

  /** Resolves when the standing has changed, after `ms`, or when aborted, whatever comes first. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) return
    const done = new AbortController()
    const forget = this.#book.onChange(() => done.abort())
    await systemClock.sleep(ms, AbortSignal.any([signal, done.signal])).catch(() => {})
    forget()
  }

  /** Leaves, so that others have the turn at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#member.leave('the program was stopped')
    this.#ending.abort()
    await this.#membership
  }
}

/** For people, and never the same for two processes of one host. */
function programName(workerId: string | undefined): string {
  const where = `process ${process.pid} on ${hostname()}`
  return workerId === undefined ? where : `${workerId} (${where})`
}
