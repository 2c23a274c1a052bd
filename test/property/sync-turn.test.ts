import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../src/base/index.ts'
import { TurnBook } from '../../src/replicate/sync/turn-book.ts'
import { assignTurn, type TurnClaim } from '../../src/replicate/workers/assign-turn.ts'
import {
  assignTurns,
  decodeTurnAssignment,
  encodeTurnMembership,
} from '../../src/replicate/workers/turn-membership.ts'

const sessionTimeout = 9_000
const claims: fc.Arbitrary<TurnClaim[]> = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1, maxLength: 4 }), holds: fc.boolean(), generation: fc.nat(5) }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 8 },
)

test('the turn is given to one of the programs, whatever order they are listed in', () => {
  fc.assert(
    fc.property(claims, (all) => {
      const one = assignTurn(all)
      assert.ok(one !== undefined && all.includes(one))
      assert.equal(assignTurn(all.toReversed()), one)
    }),
  )
  assert.equal(assignTurn([]), undefined)
})

test('who has the turn keeps it; of two that believe so, the one that heard of it later', () => {
  fc.assert(
    fc.property(claims, (all) => {
      const one = assignTurn(all)
      const holders = all.filter(({ holds }) => holds)
      if (holders.length === 0) assert.ok(all.every(({ id }) => one !== undefined && one.id <= id))
      else {
        assert.equal(one?.holds, true)
        assert.equal(one.generation, Math.max(...holders.map(({ generation }) => generation)))
      }
    }),
  )
})

test('what cannot be understood is a program without a turn', () => {
  for (const text of ['', 'x', '[]', 'null', '{"yours":1}', '{"generation":"1"}']) {
    const { yours, holder } = decodeTurnAssignment(Buffer.from(text))
    assert.deepEqual([yours, holder], [false, { program: '', once: false }])
  }
  const member = (memberId: string, metadata: Buffer) => ({ memberId, instanceId: undefined, metadata })
  const good = encodeTurnMembership({ program: 'b', once: true, holds: true, generation: 3 })
  const given = assignTurns([member('a', Buffer.from('rubbish')), member('b', good)])
  const told = [...given].map(([id, bytes]) => [id, decodeTurnAssignment(bytes)])
  const holder = { program: 'b', once: true }
  assert.deepEqual(told, [
    ['a', { generation: 4, yours: false, holder }],
    ['b', { generation: 4, yours: true, holder }],
  ])
})

/** A program as the group sees it: joined or not, and whether it has found out that it is not any more. */
class Program {
  readonly book = new TurnBook({ clock: standing(), sessionTimeout, ask: async () => true })
  joined = false

  metadata(): Buffer {
    return encodeTurnMembership({ program: '', once: false, ...this.book.claim })
  }
}

type Step =
  | { readonly type: 'join' | 'leave' | 'expire' | 'wake'; readonly program: number }
  | { readonly type: 'rebalance' }
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constantFrom('join' as const, 'leave' as const, 'expire' as const, 'wake' as const),
    program: fc.nat(3),
  }),
  fc.constant({ type: 'rebalance' as const }),
)

test('whatever comes, goes, dies and wakes up: of the members one has the turn, and it moves only from those that are gone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const programs = Array.from({ length: 4 }, () => new Program())
      /** Who has the turn and has been a member ever since. */
      let owner: Program | undefined
      for (const { type, ...rest } of steps) {
        const program = 'program' in rest ? programs[rest.program] : undefined
        if (program) {
          if (type === 'leave' || type === 'expire') {
            program.joined = false
            if (owner === program) owner = undefined
          }
          // One that was stopped finds out before it joins again.
          if (type === 'wake' && !program.joined) program.book.expelled()
          if (type === 'join' && !program.joined) {
            program.book.expelled()
            program.joined = true
          }
          continue
        }
        const members = programs.filter(({ joined }) => joined)
        const ids = new Map(members.map((one) => [`member-${programs.indexOf(one)}`, one]))
        const given = assignTurns(
          [...ids].map(([memberId, one]) => ({ memberId, instanceId: undefined, metadata: one.metadata() })),
        )
        for (const [id, bytes] of given) ids.get(id)?.book.assigned(decodeTurnAssignment(bytes))
        const mine = members.filter(({ book }) => book.standing.type === 'mine')
        assert.equal(mine.length, members.length === 0 ? 0 : 1)
        if (owner) assert.equal(mine[0], owner)
        owner = mine[0]
      }
    }),
  )
})

/** A clock that goes on only when it is told to. */
function standing(): Clock & { pass(ms: number): void; suspend(ms: number): void } {
  let monotonic = 0
  let now = 1_000_000
  return {
    now: () => now,
    monotonic: () => monotonic,
    sleep: async () => {},
    pass(ms) {
      monotonic += ms
      now += ms
    },
    /** The machine sleeps: only the time of day goes on. */
    suspend(ms) {
      now += ms
    },
  }
}

function stage(answer: () => Promise<boolean> = async () => true) {
  const clock = standing()
  let asked = 0
  const book = new TurnBook({
    clock,
    sessionTimeout,
    ask: () => {
      asked++
      return answer()
    },
  })
  const assigned = (yours: boolean) =>
    book.assigned({ generation: 1, yours, holder: { program: 'p', once: false } })
  return { clock, book, assigned, asked: () => asked }
}

const taken = { code: 'TURN_TAKEN' }

test('a request goes out only while an answer is fresh; after a stall the coordinator is asked again', async () => {
  let holds = true
  const { clock, book, assigned, asked } = stage(async () => holds)
  assert.equal(book.take(), undefined)
  assigned(true)
  const turn = book.take()
  assert.ok(turn)
  await turn.permit()
  assert.equal(asked(), 1, 'nothing was asked yet')
  clock.pass(sessionTimeout / 3 - 1)
  await turn.permit()
  assert.equal(asked(), 1)
  clock.suspend(1)
  await turn.permit()
  assert.equal(asked(), 2, 'the time of day counts as well')
  holds = false
  clock.pass(sessionTimeout)
  await assert.rejects(turn.permit(), taken)
})

test('an answer that took long is as old as the question', async () => {
  const { clock, book, assigned } = stage(async () => {
    clock.pass(sessionTimeout)
    return true
  })
  assigned(true)
  await assert.rejects(book.take()?.confirm() ?? Promise.resolve(), taken)
})

test('a turn that was away and has come back is not the one that a round began with', async () => {
  const { book, assigned } = stage()
  assigned(true)
  const before = book.take()
  await before?.confirm()
  assigned(true)
  await before?.permit()
  book.expelled()
  await assert.rejects(before?.permit() ?? Promise.resolve(), taken)
  assigned(true)
  assert.notEqual(book.take()?.spell, before?.spell)
  await assert.rejects(before?.permit() ?? Promise.resolve(), taken)
  await assert.rejects(before?.confirm() ?? Promise.resolve(), taken)
  await book.take()?.confirm()
  assigned(false)
  assert.equal(book.take(), undefined)
  await assert.rejects(before?.confirm() ?? Promise.resolve(), /The turn went to another program: p/)
})

test('the turn that is lost while the coordinator is asked is lost, whatever it answers', async () => {
  const { book, assigned } = stage(async () => {
    book.expelled()
    return true
  })
  assigned(true)
  await assert.rejects(book.take()?.confirm() ?? Promise.resolve(), taken)
})
