import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.ts'
import { GroupPermits } from '../../src/replicate/sync/group-permit.ts'

/** A control topic that says of a group, from the next look on, that it was handed over. */
function topic() {
  const [there, seen] = [new Set<string>(), new Set<string>()]
  let looks = 0
  return {
    there,
    looks: () => looks,
    async refreshControl() {
      looks++
      for (const group of there) seen.add(group)
    },
    handedOver: (group: string) => (seen.has(group) ? { since: 0, by: 'failover' } : undefined),
  }
}

test('a commit that is made late, or again, looks whether its group was handed over meanwhile', async () => {
  let now = 1_000
  let asked = 0
  const clock = { ...systemClock, monotonic: () => now }
  const control = topic()
  const permits = new GroupPermits(
    { spell: 1, confirm: async () => {}, permit: async () => void asked++ },
    control,
    clock,
  )
  control.there.add('orders')
  await permits.of('orders')
  assert.equal(control.looks(), 0, 'the look of the round is fresh')
  now += 10_000
  const late = await Promise.allSettled(['orders', 'others', 'orders'].map((group) => permits.of(group)))
  assert.deepEqual(
    late.map((one) => (one.status === 'rejected' ? one.reason.code : 'sent')),
    ['POSITION_NOT_KEPT', 'sent', 'POSITION_NOT_KEPT'],
  )
  assert.equal(control.looks(), 1, 'they share one look')
  assert.equal(asked, 2)
})
