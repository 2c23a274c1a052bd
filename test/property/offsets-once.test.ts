import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MapBuilder, type PastSettings, translate, translateOnce } from '../../src/offsets/index.ts'

/** Whatever becomes of a group on the target, its position is translated once: no record is skipped. */

type PastSetting = ReturnType<PastSettings['of']>[number]

const mark = 'tidemark/1 cluster=source'
const log = { logStart: 0n, logEnd: 2n ** 62n }

const step = fc.oneof(
  fc.constant({ type: 'reset' as const }),
  fc.constant({ type: 'killed before the commit' as const }),
  fc.constant({ type: 'rollback' as const }),
  fc.record({ type: fc.constant('read' as const), records: fc.integer({ min: 0, max: 30 }) }),
)

test('resets, kills, rollbacks and reading in any order: what is read next is unread, or was just begun with', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 40 }),
      fc.nat(130),
      fc.boolean(),
      fc.array(step, { maxLength: 12 }),
      (sources, copyStart, stood, application, steps) => {
        const offsets = sources.toSorted((a, b) => a - b)
        const builder = new MapBuilder({
          sourceTopic: 't',
          sourcePartition: 0,
          targetTopic: 't',
          targetPartition: 0,
          sourceCluster: 'source',
        })
        for (const [rank, offset] of offsets.entries())
          builder.append(BigInt(offset), BigInt(copyStart + rank), 1)
        const map = builder.seal({ sourceEnd: 121n, copyStart: BigInt(copyStart) })
        // The target offset of the record that the group has to read first.
        const right = BigInt(copyStart + offsets.filter((offset) => offset < stood).length)
        const end = BigInt(copyStart + offsets.length)
        const past: PastSetting[] = []
        const own = application ? 'state' : ''
        let position = { offset: BigInt(stood), metadata: own }
        /** The first unread record of the target; undefined while the position is one of the source. */
        let unread: bigint | undefined

        for (const each of steps) {
          if (each.type === 'read') {
            if (unread === undefined) continue
            unread = unread + BigInt(each.records) > end ? end : unread + BigInt(each.records)
            position = { offset: unread, metadata: own }
          } else if (each.type === 'rollback') {
            if (unread === undefined) continue
            position = { offset: BigInt(stood), metadata: own }
            unread = undefined
          } else {
            const given = { topic: 't', partition: 0, ...position }
            const { source, kept } = translateOnce([{ group: 'g', positions: [given] }], {
              past: { of: () => past.toReversed() },
              renamed: () => false,
            })
            assert.equal(source.length + kept.length, 1)
            if (kept.length > 0) {
              // Where the offset is the same on both sides it does not matter whose it is.
              if (unread === undefined) assert.equal(position.offset, right, 'it is where it has to be')
              unread ??= right
              continue
            }
            const answer = translate(map, position.offset, log)
            const after = answer.target ?? assert.fail()
            past.push({ snapshotId: 's', at: past.length, before: position.offset, after })
            if (each.type === 'killed before the commit') continue
            assert.equal(after, right, 'always by the position at which the group stood on the source')
            assert.ok(unread === undefined || after <= unread, 'nothing is skipped')
            position = { offset: after, metadata: application ? own : mark }
            unread = after
          }
        }
      },
    ),
    { numRuns: 2000 },
  )
})
