import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type AbortedProducer, dropAborted, encodeBatch, header } from '../../src/records/index.ts'

interface Piece {
  readonly producer: bigint
  readonly count?: number
  readonly marker?: 'commit' | 'abort' | 'emptied'
  readonly transactional?: boolean
  /** Offsets left out before it, as the cleaner leaves them. */
  readonly hole?: number
}

/** A partition made of these batches, and where each of them lies. */
function partition(pieces: readonly Piece[]) {
  const parts: Buffer[] = []
  const at: number[] = []
  let offset = 100n
  let end = 0
  for (const piece of pieces) {
    offset += BigInt(piece.hole ?? 0)
    const count = piece.marker ? 1 : (piece.count ?? 1)
    const key = Buffer.from([0, 0, 0, piece.marker === 'commit' ? 1 : 0])
    const value = Buffer.alloc(6)
    const records = Array.from({ length: count }, () => ({ timestamp: 1n, key, value }))
    let batch = encodeBatch(records, { codec: 'none', baseOffset: offset })
    batch.writeBigInt64BE(piece.producer, header.position.producerId)
    const transactional = piece.transactional === false ? 0 : header.attribute.transactional
    const control = piece.marker ? header.attribute.control : 0
    batch.writeUInt16BE(transactional | control, header.position.attributes)
    if (piece.marker === 'emptied') {
      batch = batch.subarray(0, header.HEADER_SIZE)
      batch.writeInt32BE(0, header.position.recordsCount)
      batch.writeInt32BE(batch.length - header.LOG_OVERHEAD, header.position.batchLength)
    }
    parts.push(batch)
    at.push(end)
    end += batch.length
    offset += BigInt(count)
  }
  return { bytes: Buffer.concat(parts), at: [...at, end] }
}

/** Numbers of the pieces that are kept. */
function keptOf(pieces: readonly Piece[], aborted: readonly AbortedProducer[]) {
  const { bytes, at } = partition(pieces)
  const result = dropAborted(bytes, 0, bytes.length, aborted)
  const kept = pieces.flatMap((_, i) => {
    const start = at[i] ?? -1
    return result.kept.some((range) => range.start <= start && start < range.end) ? [i] : []
  })
  for (const range of result.kept) assert.ok(at.includes(range.start) && at.includes(range.end))
  for (const [i, range] of result.kept.entries()) {
    const before = result.kept[i - 1]
    assert.ok(before === undefined || before.end < range.start, 'ranges that touch are joined')
  }
  return { kept, dropped: result.dropped, droppedRecords: result.droppedRecords }
}

describe('leaving out aborted transactions', () => {
  it('keeps everything, as one range, when nothing was aborted', () => {
    const { bytes } = partition([
      { producer: 1n, count: 3 },
      { producer: 1n, marker: 'commit' },
    ])
    assert.deepEqual(dropAborted(bytes, 0, bytes.length, []).kept, [{ start: 0, end: bytes.length }])
    assert.deepEqual(dropAborted(bytes, 4, 4, []).kept, [])
  })

  it('drops a transaction up to its marker and keeps the marker', () => {
    const pieces: Piece[] = [
      { producer: 1n, count: 3 },
      { producer: 1n, count: 2 },
      { producer: 1n, marker: 'abort' },
      { producer: 1n, count: 4 },
      { producer: 1n, marker: 'commit' },
    ]
    assert.deepEqual(keptOf(pieces, [{ producerId: 1n, firstOffset: 100n }]), {
      kept: [2, 3, 4],
      dropped: [{ from: 100n, to: 105n }],
      droppedRecords: 5,
    })
  })

  it('leaves other producers, and the same producer outside transactions, alone', () => {
    const pieces: Piece[] = [
      { producer: 1n },
      { producer: 2n },
      { producer: 1n, transactional: false },
      { producer: 1n },
      { producer: 2n, marker: 'commit' },
      { producer: 1n, marker: 'abort' },
    ]
    const { kept, dropped } = keptOf(pieces, [{ producerId: 1n, firstOffset: 100n }])
    assert.deepEqual(kept, [1, 2, 4, 5])
    assert.deepEqual(dropped, [
      { from: 100n, to: 101n },
      { from: 103n, to: 104n },
    ])
  })

  it('takes a producer that aborts several times, whatever the order of the list', () => {
    const pieces: Piece[] = [
      { producer: 1n },
      { producer: 1n, marker: 'abort' },
      { producer: 1n },
      { producer: 1n, marker: 'commit' },
      { producer: 1n },
      { producer: 1n, marker: 'abort' },
    ]
    const aborted = [
      { producerId: 1n, firstOffset: 104n },
      { producerId: 1n, firstOffset: 100n },
    ]
    assert.deepEqual(keptOf(pieces, aborted).kept, [1, 2, 3, 5])
  })

  it('drops what belongs to a transaction that began before the bytes, and forgets it afterwards', () => {
    const first = partition([{ producer: 1n, count: 2 }])
    const list = [{ producerId: 1n, firstOffset: 20n }]
    assert.equal(dropAborted(first.bytes, 0, first.bytes.length, list).droppedRecords, 2)
    // The next response lists nothing: nothing is dropped.
    assert.equal(dropAborted(first.bytes, 0, first.bytes.length, []).droppedRecords, 0)
  })

  it('does not touch what comes before the first offset of the transaction', () => {
    const pieces: Piece[] = [
      { producer: 1n, count: 2 },
      { producer: 1n, marker: 'commit' },
      { producer: 1n, count: 2 },
    ]
    assert.deepEqual(keptOf(pieces, [{ producerId: 1n, firstOffset: 103n }]).kept, [0, 1])
  })

  it('activates by the last offset of a batch whose first records the cleaner took', () => {
    // The transaction began at 101, inside the batch 100–102.
    const pieces: Piece[] = [
      { producer: 1n, count: 3 },
      { producer: 1n, marker: 'abort' },
    ]
    assert.deepEqual(keptOf(pieces, [{ producerId: 1n, firstOffset: 101n }]).kept, [1])
  })

  it('keeps markers that the cleaner has emptied, and commit markers of an active producer', () => {
    const pieces: Piece[] = [
      { producer: 1n },
      { producer: 1n, marker: 'emptied' },
      { producer: 1n },
      { producer: 1n, marker: 'commit' },
      { producer: 1n, marker: 'abort' },
    ]
    assert.deepEqual(keptOf(pieces, [{ producerId: 1n, firstOffset: 100n }]).kept, [1, 3, 4])
  })

  it('reports a hole between dropped batches as two ranges', () => {
    const pieces: Piece[] = [{ producer: 1n }, { producer: 1n, hole: 5 }, { producer: 1n }]
    assert.deepEqual(keptOf(pieces, [{ producerId: 1n, firstOffset: 100n }]).dropped, [
      { from: 100n, to: 101n },
      { from: 106n, to: 108n },
    ])
  })
})
