import type { JoinedMember } from '../../kafka/index.ts'
import { assignTurn, type TurnClaim } from './assign-turn.ts'
import { toldObject } from './told-object.ts'

/** Type and name of the group protocol that sync programs speak. */
export const turnProtocol = Object.freeze({ type: 'tidemark', name: 'turn-1' })

/** A sync program, for those who wait for it. */
export interface TurnHolder {
  /** For people: host and process, and the worker's name where it has one. */
  readonly program: string
  /** It does one round and ends. */
  readonly once: boolean
}

/** What a sync program tells the leader of itself. */
export interface TurnMembership extends TurnHolder, Omit<TurnClaim, 'id'> {}

/** What the leader tells each sync program. */
export interface TurnAssignment {
  /** How often the turn has been given. */
  readonly generation: number
  /** The turn is that of the program which is told so. */
  readonly yours: boolean
  readonly holder: TurnHolder
}

const nobody: TurnHolder = Object.freeze({ program: '', once: false })

export function encodeTurnMembership(membership: TurnMembership): Buffer {
  return Buffer.from(JSON.stringify(membership))
}

/** The leader's work: an assignment for each member. */
export function assignTurns(members: readonly JoinedMember[]): ReadonlyMap<string, Buffer> {
  const claims = members.map(({ memberId, metadata }) => ({ id: memberId, ...decodeMembership(metadata) }))
  const generation = Math.max(0, ...claims.map((claim) => claim.generation)) + 1
  const holder = assignTurn(claims)
  return new Map(
    claims.map(({ id }): [string, Buffer] => {
      const { program, once } = holder ?? nobody
      const assignment: TurnAssignment = { generation, yours: id === holder?.id, holder: { program, once } }
      return [id, Buffer.from(JSON.stringify(assignment))]
    }),
  )
}

/** What cannot be understood is taken as a turn that somebody else has. */
export function decodeTurnAssignment(bytes: Buffer): TurnAssignment {
  const { generation, yours, holder } = toldObject(bytes)
  return {
    generation: typeof generation === 'number' ? generation : 0,
    yours: yours === true,
    holder: holderOf(holder),
  }
}

/** What cannot be understood is taken as a program that has nothing. */
function decodeMembership(bytes: Buffer): TurnMembership {
  const told = toldObject(bytes)
  const { holds, generation } = told
  return {
    ...holderOf(told),
    holds: holds === true,
    generation: typeof generation === 'number' ? generation : 0,
  }
}

function holderOf(value: unknown): TurnHolder {
  if (typeof value !== 'object' || value === null) return nobody
  const { program, once } = value as Readonly<Record<string, unknown>>
  return { program: typeof program === 'string' ? program : '', once: once === true }
}
