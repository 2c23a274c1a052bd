import type { JoinedMember } from '../../kafka/index.ts'
import { assignShards } from './assign-shards.ts'
import { SHARDS } from './shards.ts'
import { toldObject } from './told-object.ts'

/** Type and name of the group protocol that workers speak. */
export const workerProtocol = Object.freeze({ type: 'tidemark', name: 'shards-1' })

/** What a worker tells the leader of itself. */
export interface Membership {
  readonly worker: string
  readonly generation: number
  readonly owned: readonly number[]
  /** The pipeline's control topic, for pipelines that ask whether they would be the other half of a loop; undefined from older workers. */
  readonly control: string | undefined
}

/** What the leader tells each worker. */
export interface ShardAssignment {
  readonly generation: number
  readonly shards: readonly number[]
  readonly workers: number
}

const noMembership: Membership = Object.freeze({
  worker: '',
  generation: 0,
  owned: Object.freeze([]),
  control: undefined,
})
const noShards: ShardAssignment = Object.freeze({ generation: 0, shards: Object.freeze([]), workers: 0 })

export function encodeMembership(membership: Membership): Buffer {
  return Buffer.from(JSON.stringify(membership))
}

export function encodeAssignment(assignment: ShardAssignment): Buffer {
  return Buffer.from(JSON.stringify(assignment))
}

/** What cannot be understood is taken as a worker that has nothing. */
export function decodeMembership(bytes: Buffer): Membership {
  const { worker, generation, owned, control } = toldObject(bytes)
  if (typeof worker !== 'string' || typeof generation !== 'number') return noMembership
  return {
    worker,
    generation,
    owned: shardList(owned),
    control: typeof control === 'string' ? control : undefined,
  }
}

/** What cannot be understood is taken as no shards. */
export function decodeAssignment(bytes: Buffer): ShardAssignment {
  const { generation, shards, workers } = toldObject(bytes)
  if (typeof generation !== 'number' || typeof workers !== 'number') return noShards
  return { generation, shards: shardList(shards), workers }
}

/** The leader's work: an assignment for each member. */
export function assignMembers(members: readonly JoinedMember[]): ReadonlyMap<string, Buffer> {
  const claims = members.map(({ memberId, metadata }) => {
    const { generation, owned } = decodeMembership(metadata)
    return { id: memberId, generation, owned }
  })
  const generation = Math.max(0, ...claims.map((claim) => claim.generation)) + 1
  return new Map(
    [...assignShards(claims, SHARDS)].map(([id, shards]): [string, Buffer] => [
      id,
      encodeAssignment({ generation, shards, workers: members.length }),
    ]),
  )
}

function shardList(value: unknown): number[] {
  if (!Array.isArray(value)) return []
  return value.filter((shard) => Number.isInteger(shard) && shard >= 0 && shard < SHARDS)
}
