import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidemarkError } from '../../src/base/index.ts'
import { groupsOf } from '../../src/cli/groups-file.ts'
import { bulkText } from '../../src/cli/reports/bulk-outcome.ts'
import { CommitJob } from '../../src/kafka/commit-job.ts'
import { errorFromCode, type Position } from '../../src/kafka/index.ts'
import { commitFigures } from '../../src/offsets/apply/commit-figures.ts'
import type { GroupCommitted } from '../../src/offsets/apply/commit-groups.ts'
import type { ApplyReport, EntryOutcome, PlanEntry } from '../../src/offsets/index.ts'

const [notCoordinator, unknownMember, metadataTooLarge, timedOut] = [16, 25, 12, 7]

function positions(count: number): Position[] {
  return Array.from({ length: count }, (_, partition) => ({
    ...{ topic: 't', partition, offset: 1n, leaderEpoch: -1, metadata: '' },
  }))
}

const broken = (code: number) => errorFromCode(code, { doing: 'commit' })
const lost = (outcome: 'unknown' | 'not-sent') =>
  new TidemarkError('CONNECTION_LOST', 'lost', { retriable: true, details: { outcome } })

test('a position is tried again only where that can help, and alone', async () => {
  const job = new CommitJob({ group: 'g', positions: positions(4) })
  const sent: number[][] = []
  const answers: readonly (number | undefined)[][] = [
    [undefined, notCoordinator, metadataTooLarge, timedOut],
    [undefined, unknownMember],
  ]
  for (const codes of answers) {
    await job.send(async (_group, items) => {
      sent.push(items.map(({ partition }) => partition))
      return items.map((item, i) => {
        const code = codes[i]
        return code === undefined ? { item, result: item } : { item, error: broken(code) }
      })
    })
  }
  assert.deepEqual(sent, [
    [0, 1, 2, 3],
    [1, 3],
  ])
  assert.deepEqual(job.open, [])
  const { done, failed, retries, uncertain } = job.outcome()
  assert.deepEqual(
    done.map(({ partition }) => partition),
    [0, 1],
  )
  assert.deepEqual(
    failed.map(({ item, error }) => [item.partition, (error as TidemarkError).code]),
    [
      [2, 'BROKER_ERROR'],
      [3, 'GROUP_ACTIVE'],
    ],
  )
  assert.equal(retries, 1)
  assert.equal(
    uncertain,
    true,
    'the answer that it is no coordinator may have come after the commit was written',
  )
})

test('what may have happened is told from what was never sent or was refused for good', async () => {
  const cases: readonly (readonly [string, TidemarkError, boolean, number])[] = [
    ['a connection lost with the request in flight', lost('unknown'), true, 2],
    ['a connection that was closed before', lost('not-sent'), false, 2],
    ['members in the group', broken(unknownMember), false, 0],
  ]
  for (const [name, error, uncertain, open] of cases) {
    const job = new CommitJob({ group: 'g', positions: positions(2) })
    await job.send(async () => {
      throw error
    })
    assert.equal(job.open.length, open, name)
    job.giveUp(new TidemarkError('INTERNAL', 'not told'))
    const outcome = job.outcome()
    assert.equal(outcome.uncertain, uncertain, name)
    assert.equal(outcome.ms, undefined, name)
    assert.deepEqual(
      outcome.failed.map((each) => each.error),
      [error, error],
      name,
    )
  }
})

test('a position that is left out of an answer has failed, and so has everything where nothing could be tried', async () => {
  const job = new CommitJob({ group: 'g', positions: positions(2) })
  await job.send(async (_group, [item]) => (item ? [{ item, result: item }] : []))
  assert.deepEqual(
    job.outcome().failed.map(({ item, error }) => [item.partition, (error as TidemarkError).code]),
    [[1, 'PROTOCOL_ERROR']],
  )
  const never = new CommitJob({ group: 'g', positions: positions(2) })
  never.notSent(broken(notCoordinator))
  assert.equal(never.open.length, 2)
  never.notSent(new TidemarkError('INTERRUPTED', 'stopped'))
  assert.equal(never.open.length, 0)
  assert.deepEqual(never.outcome().uncertain, false)
  assert.equal(never.outcome().retries, 0)
})

test('figures: half of the commits took no longer than p50, 99 of 100 no longer than p99', () => {
  const commit = (ms: number | undefined, retries = 0): GroupCommitted => ({
    ...{ at: 0, ms, retries, failed: new Map(), uncertain: false },
  })
  const hundred = Array.from({ length: 100 }, (_, i) => commit(100 - i))
  const figures = commitFigures([...hundred, commit(undefined, 3)], 1000, 2)
  assert.deepEqual(figures, {
    ...{ groups: 100, positions: 1000, seconds: 2, p50Ms: 50, p99Ms: 99, maxMs: 100, retries: 3 },
  })
  assert.equal(commitFigures([commit(7)], 1, 1)?.p99Ms, 7)
  assert.equal(commitFigures([commit(undefined)], 1, 1), undefined)
})

test('a groups file has a name a line, or is a JSON list', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['a\nb\n', ['a', 'b']],
    ['\uFEFFa\r\n\r\n  # not this\r\n  b c  \r\n', ['a', 'b c']],
    ['a,b\nteam-*\n~x.+\na,b', ['a,b', 'team-*', '~x.+']],
    ['  ["a", " b ", "#c", "two\\nlines"]\n', ['a', ' b ', '#c', 'two\nlines']],
    ['[a\n[b', ['[a', '[b']],
    ['\n# nothing\n', []],
    ['', []],
  ]
  for (const [text, groups] of cases) assert.deepEqual(groupsOf(text, 'f'), groups, JSON.stringify(text))
  for (const text of ['[1, 2]', '[{"group": "a"}]', '[""]']) {
    assert.throws(() => groupsOf(text, 'groups.json'), /groups\.json is JSON, but no list of names/)
  }
})

test('the report of a bulk reset names every position that was not set', () => {
  const entry = (group: string, partition: number): PlanEntry => ({
    ...{ group, topic: 't', partition, current: undefined, target: 5n, metadata: null, action: 'SET' },
    ...{ kind: 'exact', reason: '', reread: 0, from: [] },
  })
  const failed = (group: string, partition: number, message: string): EntryOutcome => ({
    ...{ entry: entry(group, partition), now: undefined, outcome: 'failed' },
    error: new TidemarkError('BROKER_ERROR', message),
  })
  const group = (name: string, outcome: 'done' | 'partial' | 'failed', entries: readonly EntryOutcome[]) => ({
    ...{ group: name, outcome, entries, commitMs: 2, retries: 0, expires: undefined },
  })
  const report: ApplyReport = {
    clusterId: 'c',
    planHash: 'h',
    snapshotId: 'snapshot-1',
    groups: [
      group('fine', 'done', [{ entry: entry('fine', 0), now: 5n, outcome: 'set' }]),
      group('half\u001b', 'partial', [
        failed('half\u001b', 0, 'no'),
        { entry: entry('half', 1), now: 5n, outcome: 'set' },
      ]),
      group('none', 'failed', [failed('none', 0, 'gone'), failed('none', 1, 'gone')]),
    ],
    counts: { set: 2, deleted: 0, kept: 0, skipped: 0, failed: 3, refused: 0 },
    commits: { groups: 3, positions: 5, seconds: 0.5, p50Ms: 2, p99Ms: 3.04, maxMs: 4, retries: 1 },
    retentionMinutes: undefined,
  }
  const lines = bulkText(report).split('\n')
  assert.deepEqual(lines.slice(3), [
    'Groups   3: 1 done, 1 partial, 1 failed',
    'Commits  3 groups in 500 ms',
    'Rate     6 groups/s, 10 positions/s',
    'Latency  p50 2.0 ms, p99 3.0 ms, longest 4.0 ms',
    'Retries  1',
    '',
    'Not set:',
    '  half\\x1b in t/0: no [BROKER_ERROR]',
    '  none: gone [BROKER_ERROR]',
    '',
    '2 positions set, 0 were there already, 0 skipped, 3 failed, 0 refused',
    'The positions before are saved as snapshot-1',
    '',
  ])
})
