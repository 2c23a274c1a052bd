import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import type { LandedBatch } from '../../src/kafka/index.ts'
import { beyond, checkRecovered, checkWhole, lateFrom } from '../../src/restore/copy/check-recovered.ts'
import type { JournalLane, LandedState } from '../../src/restore/state/journal-types.ts'
import { fromJson, toJson } from '../../src/restore/state/json.ts'
import { LaneState } from '../../src/restore/state/lane-state.ts'
import { type Seam, withSeam } from '../../src/restore/state/seams.ts'

const place = { topic: 't', partition: 0 }

function batch(baseOffset: number, records: number, epoch: number, baseSequence: number): LandedBatch {
  return {
    baseOffset: BigInt(baseOffset),
    lastOffset: BigInt(baseOffset + records - 1),
    records,
    epoch,
    baseSequence,
  }
}

function seam(epoch: number, from: number, records = from): Seam {
  return { epoch, from: BigInt(from), records: BigInt(records) }
}

/** Ten records have landed, as the journal knows. */
function knows(...seams: readonly Seam[]): LandedState {
  return { records: 10n, next: 10n, producerId: 1n, epoch: seams.at(-1)?.epoch ?? 3, seams }
}

function check(
  landed: LandedState,
  batches: readonly LandedBatch[],
  options: { foreign?: number; exclusive?: boolean; logEnd?: bigint; from?: bigint } = {},
): readonly LandedBatch[] {
  const { foreign = 0, exclusive = true, logEnd = 99n, from = landed.next } = options
  return checkRecovered(place, landed, { batches, foreign, logEnd, from }, { exclusive })
}

function refused(run: () => unknown, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(isTidemarkError(error, 'TARGET_CHANGED'), String(error))
    assert.match(error.message, message)
    assert.match(error.message, /Partition 0 of t /)
    assert.deepEqual(error.details, place)
    assert.ok(error.hint)
    return error.exit === 4
  })
}

test('what a read-back finds must be a prefix in order; anything else stops the restore', () => {
  const landed = knows()
  check(landed, [batch(10, 5, 3, 40), batch(15, 5, 3, 45), batch(20, 1, 4, 0)])
  check(landed, [batch(10, 5, 3, 0x7fff_fffe), batch(15, 5, 3, 3)])
  check(landed, [batch(10, 5, 1, 40), batch(15, 5, 3, 0)])
  check(landed, [], { foreign: 3, exclusive: false })
  refused(() => check(landed, [batch(10, 5, 3, 40), batch(15, 5, 3, 50)]), /offset 15 out of its order/)
  refused(() => check(landed, [batch(10, 5, 4, 7)]), /offset 10 out of its order/)
  refused(() => check(landed, [batch(10, 5, 4, 0), batch(15, 5, 3, 0)]), /offset 15 out of its order/)
  refused(() => check(landed, [], { foreign: 1 }), /written to by others/)
  refused(() => check(landed, [], { logEnd: 9n }), /ends at offset 9, and records up to 10/)
  refused(() => check(landed, [], { from: 12n }), /begins at offset 12 now/)
})

test('of a batch in the middle of which the journal was written only the rest counts', () => {
  const first = { baseOffset: 10n, lastOffset: 19n, records: 10, epoch: 2, baseSequence: 0 }
  const after = { baseOffset: 20n, lastOffset: 24n, records: 5, epoch: 2, baseSequence: 10 }
  assert.deepEqual(beyond([first, after], 13n), [{ ...first, baseOffset: 13n, records: 7 }, after])
  assert.deepEqual(beyond([first, after], 10n), [first, after])
  assert.deepEqual(beyond([], 10n), [])
})

test('a batch of an epoch that was given up is told by where it stands: before, between or behind those of the next one', () => {
  // The second start found the batch at 10 and went on at 15 under epoch 2.
  const found = batch(10, 5, 0, 7)
  const late = (at: number) => batch(at, 5, 0, 12)
  const landed = knows(seam(2, 15))
  check(landed, [found])
  check(landed, [found, batch(15, 5, 2, 0), batch(20, 5, 2, 5)])
  refused(
    () => check(landed, [found, late(15)]),
    /at offset 15 that arrived too late.*under epoch 0.*from offset 15/,
  )
  refused(() => check(landed, [found, late(15), batch(20, 5, 2, 0)]), /at offset 15 that arrived too late/)
  refused(
    () => check(landed, [found, batch(15, 5, 2, 0), late(20), batch(25, 5, 2, 5)]),
    /at offset 20 that arr/,
  )
  refused(() => check(landed, [found, batch(15, 5, 2, 0), late(20)]), /at offset 20 that arrived too late/)
  // The journal has come past the seam: the late batch is all that stands behind it.
  refused(() => check(knows(seam(2, 5)), [late(10)]), /at offset 10 that arrived too late/)
  // A journal of a program that knew no seams tells no more than it did.
  check({ ...knows(), epoch: 2 }, [late(10)])
})

test('what had landed before a seam must still be there', () => {
  const landed = knows(seam(2, 20), seam(4, 25))
  check(landed, [batch(10, 10, 0, 7), batch(20, 5, 2, 0)])
  refused(
    () => check(landed, [batch(10, 10, 0, 7)], { logEnd: 20n }),
    /ends at offset 20, and records up to 25/,
  )
  refused(
    () => check(landed, [batch(10, 5, 0, 7), batch(15, 10, 2, 0)]),
    /lost records.*epoch 2 stands at offset 15/,
  )
  const shared = { exclusive: false, foreign: 1 }
  refused(
    () => check(landed, [batch(10, 5, 0, 7), batch(20, 5, 2, 0)], shared),
    /5 records of this restore between offsets 10 and 20, and 10 had landed/,
  )
})

test('when all was sent, late batches are looked for only where there is room for one', () => {
  const whole = (next: number, ...seams: readonly Seam[]): LandedState => {
    return { records: 50n, next: BigInt(next), producerId: 1n, epoch: 2, seams }
  }
  assert.equal(lateFrom(whole(50), 60n), undefined)
  assert.equal(lateFrom(whole(50, seam(2, 20)), 50n), undefined)
  assert.equal(lateFrom(whole(50, seam(2, 20)), 55n), 50n)
  assert.equal(lateFrom(whole(50, seam(2, 20)), undefined), 50n)
  assert.equal(lateFrom(whole(55, seam(2, 20)), 55n), 20n)
  assert.equal(lateFrom(whole(55, seam(2, 20), seam(4, 45, 40)), 55n), 20n)
  const look = (landed: LandedState, since: bigint, batches: readonly LandedBatch[], from = since) =>
    checkWhole(place, landed, since, { batches, foreign: 5, logEnd: 60n, from }, { exclusive: false })
  // Behind the end: others may stand there, ours may not.
  look(whole(50, seam(2, 20)), 50n, [])
  refused(() => look(whole(50, seam(2, 20)), 50n, [batch(50, 5, 0, 20)]), /offset 50 that arrived too late/)
  refused(
    () => look(whole(50, seam(2, 20)), 50n, [batch(50, 5, 2, 30)]),
    /holds 5 records .* and 0 were sent/,
  )
  // Between.
  look(whole(55, seam(2, 20)), 20n, [batch(20, 10, 2, 0), batch(35, 20, 2, 10)])
  const late = [batch(20, 10, 2, 0), batch(30, 5, 0, 20), batch(35, 20, 2, 10)]
  refused(() => look(whole(55, seam(2, 20)), 20n, late), /offset 30 that arrived too late/)
  // Under an epoch whose own seam is not kept any more.
  const twice = [batch(20, 10, 2, 0), batch(30, 5, 2, 10), batch(35, 20, 4, 0)]
  refused(
    () => look(whole(55, seam(2, 20)), 20n, twice),
    /holds 35 records .* from offset 20 on, and 30 were sent/,
  )
  look(whole(55, seam(2, 20)), 20n, twice.slice(1), 30n)
})

test('of seams that lie behind, the first and the last are kept; at one place the highest epoch is enough', () => {
  let seams: readonly Seam[] = []
  for (let epoch = 2; epoch < 100; epoch += 2)
    seams = withSeam(seams, seam(epoch, 10 * epoch), BigInt(10 * epoch))
  assert.deepEqual(seams, [seam(2, 20), seam(96, 960), seam(98, 980)])
  assert.deepEqual(withSeam(seams, seam(100, 980), 980n), [seam(2, 20), seam(96, 960), seam(100, 980)])
  // The journal has not come there yet: all of them are needed.
  assert.deepEqual(withSeam([seam(2, 20), seam(4, 40)], seam(6, 60), 15n), [
    seam(2, 20),
    seam(4, 40),
    seam(6, 60),
  ])
})

test('a lane raises its epoch behind what was found, and its journal keeps the place; older journals have none', () => {
  const source = {
    partition: 0,
    records: 50,
    bytes: 0,
    chunks: 1,
    largestBatch: 0,
    from: 0n,
    next: 50n,
    endOffset: 50n,
  }
  const lane = {
    key: 't/*',
    target: 't',
    inputs: [{ topic: 's', topicId: undefined, source }],
    outputs: [0, 1],
    spread: { type: 'murmur2', partitions: 2 },
  } as const
  const options = { sourceName: 's', copyStarts: [0n, 7n], producer: { producerId: 1n, epoch: 0 } }
  const state = new LaneState(lane, options)
  assert.deepEqual(
    state.landed.map(({ seams }) => seams),
    [[], []],
  )
  state.raiseEpoch(2, [[batch(0, 5, 0, 0), batch(5, 5, 0, 5)], []])
  const blobs: Buffer[] = []
  const written = fromJson(toJson(state.snapshot(blobs))) as JournalLane
  assert.deepEqual(
    written.landed.map(({ epoch, next, seams }) => ({ epoch, next, seams })),
    [
      { epoch: 2, next: 0n, seams: [seam(2, 10)] },
      { epoch: 2, next: 7n, seams: [seam(2, 7, 0)] },
    ],
  )
  const old = { ...written, landed: written.landed.map(({ seams: _, ...rest }) => rest) }
  assert.deepEqual(
    new LaneState(lane, { ...options, journal: { lane: old, blobs } }).landed.map(({ seams }) => seams),
    [[], []],
  )
})
