/** A sync program as it tells of itself when it joins. */
export interface TurnClaim {
  readonly id: string
  /** The program has the turn, as far as it knows. */
  readonly holds: boolean
  /** How often the turn had been given when the program last heard of it: newer claims count before older ones. */
  readonly generation: number
}

/**
 * Who has the turn: whoever has it already, else the first by id. Undefined only when there is nobody. The same claims give the same
 * answer, in whatever order they come. Pure.
 */
export function assignTurn<Claim extends TurnClaim>(claims: readonly Claim[]): Claim | undefined {
  const byId = claims.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const newest = Math.max(...byId.filter(({ holds }) => holds).map(({ generation }) => generation))
  return byId.find(({ holds, generation }) => holds && generation === newest) ?? byId[0]
}
