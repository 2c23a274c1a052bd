import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Budget,
  type Clock,
  fileReason,
  firstFew,
  nameFilter,
  parseNamePattern,
  retry,
  TidemarkError,
} from '../../src/base/index.ts'

const instant = (): Clock & { slept: number[] } => {
  let time = 0
  const slept: number[] = []
  return {
    slept,
    now: () => time,
    monotonic: () => time,
    sleep: async (ms) => {
      slept.push(ms)
      time += ms
    },
  }
}
const passing = () => new TidemarkError('STORAGE_UNAVAILABLE', 'busy', { retriable: true })

test('a retriable error is tried again, with pauses that grow up to their limit', async () => {
  const clock = instant()
  let calls = 0
  const policy = { attempts: 6, delay: 100, maxDelay: 400 }
  const work = async () => {
    calls++
    if (calls < 6) throw passing()
    return 'done'
  }
  assert.equal(await retry(policy, work, { clock }), 'done')
  assert.equal(clock.slept.length, 5)
  for (const [i, pause] of clock.slept.entries()) {
    const full = Math.min(400, 100 * 2 ** i)
    assert.ok(pause >= full / 2 && pause <= full, `pause ${i} is ${pause}`)
  }
})

test('an error that is not retriable ends it at once, the deadline ends it in time, and so does an abort', async () => {
  const clock = instant()
  const policy = { attempts: 100, delay: 100, maxDelay: 100 }
  const failing = (error: Error) => retry(policy, () => Promise.reject(error), { clock })
  await assert.rejects(failing(new Error('no')), /no/)
  assert.equal(clock.slept.length, 0)
  await assert.rejects(
    retry({ ...policy, deadline: 250 }, () => Promise.reject(passing()), { clock }),
    /busy/,
  )
  assert.ok(clock.slept.length <= 4)
  const stop = new AbortController()
  const stopping = () => {
    stop.abort(new Error('stopped'))
    return Promise.reject(passing())
  }
  await assert.rejects(retry(policy, stopping, { clock, signal: stop.signal }), /stopped/)
})

test('a budget grants in the order of asking and never more than there is', async () => {
  const budget = new Budget(10)
  await budget.take(6)
  const order: string[] = []
  const large = budget.take(8).then(() => order.push('large'))
  const small = budget.take(1).then(() => order.push('small'))
  assert.equal(budget.tryTake(1), false, 'nobody overtakes those who wait')
  assert.equal(budget.used, 6)
  budget.give(6)
  await Promise.all([large, small])
  assert.deepEqual(order, ['large', 'small'])
  assert.equal(budget.used, 9)
})

test('a request larger than the whole budget is granted alone', async () => {
  const budget = new Budget(10)
  await budget.take(3)
  const huge = budget.take(50)
  budget.give(3)
  await huge
  assert.equal(budget.tryTake(1), false)
  budget.give(50)
  assert.equal(budget.used, 0)
})

test('one who gives up waiting does not hold up the others', async () => {
  const budget = new Budget(10)
  await budget.take(6)
  const stop = new AbortController()
  const large = budget.take(8, stop.signal)
  const small = budget.take(4)
  stop.abort(new Error('enough'))
  await assert.rejects(large, /enough/)
  await small
  assert.equal(budget.used, 10)
})

test('names are matched exactly, by glob, and by an anchored regular expression', () => {
  const matches = (pattern: string, name: string) => parseNamePattern(pattern).matches(name)
  assert.ok(matches('a.b', 'a.b') && !matches('a.b', 'axb'))
  assert.ok(matches('a-*', 'a-b.c') && !matches('a-*', 'ba-b'))
  assert.ok(matches('a?c', 'abc') && !matches('a?c', 'ac'))
  assert.ok(matches('*[x]*', 'a[x]b') && matches('*(1)', 'a(1)') && matches('*/y', 'x/y'))
  assert.ok(matches('~a|b', 'b') && !matches('~a|b', 'ab'))
  assert.throws(() => parseNamePattern('~('), /regular expression/)
  assert.equal(parseNamePattern('a.b').literal, true)
  const chosen = nameFilter(['*'], ['*-dlq', '~tmp.*'])
  assert.deepEqual(['a', 'a-dlq', 'tmp1'].filter(chosen), ['a'])
})

test('of a list that is long the first are named and the others counted', () => {
  assert.equal(firstFew(['a', 'b'], 2), 'a, b')
  assert.equal(firstFew(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more')
  assert.match(firstFew(Array.from({ length: 11 }, (_, i) => String(i))), /, 9 and 1 more$/)
})

test('codes of the system are said in words, and those that have none by their names', () => {
  assert.equal(fileReason(Object.assign(new Error('x'), { code: 'ENOSPC' })), 'no space is left')
  assert.equal(fileReason(Object.assign(new Error('x'), { code: 'EXDEV' })), 'the system answers EXDEV')
  assert.equal(fileReason(new Error('without a code')), 'without a code')
})
