import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failBackObject, failBackStatus, failBackText } from '../../src/cli/reports/fail-back-report.ts'
import { failOverObject, failOverStatus, failOverText } from '../../src/cli/reports/fail-over-report.ts'
import {
  checkpointsObject,
  checkpointsText,
  syncsObject,
  syncsText,
} from '../../src/cli/reports/mirror-report.ts'
import { replicationObject, replicationText } from '../../src/cli/reports/replication-report.ts'
import { surveyObject, surveyText } from '../../src/cli/reports/survey-report.ts'
import { syncObject, syncStatus, syncText } from '../../src/cli/reports/sync-report.ts'
import type {
  FailBackReport,
  FailOverReport,
  PositionOutcome,
  ReplicationReport,
  RoundReport,
  Survey,
  SyncReport,
} from '../../src/replicate/index.ts'
import { holds } from '../support/documented-fields.ts'

const place = { topic: 't', partition: 0 }
const source = { ...place, offset: 7n, leaderEpoch: -1, metadata: '' }
const skipped: PositionOutcome = {
  ...{ group: 'g', ...place, sources: [source], current: 5n, error: undefined },
  decision: { action: 'skip', cause: 'backwards', target: 4n, detail: 'the target stands at 5' },
}
const committed: PositionOutcome = {
  ...skipped,
  decision: { action: 'commit', cause: 'moved', target: 9n, metadata: 'k2k_1', remember: false, reread: 0 },
}
const round: RoundReport = {
  outcomes: [committed, skipped],
  unread: [{ group: 'h', error: new Error('refused') }],
  doublyMapped: [],
  mappings: 3,
}
const sync: SyncReport = { rounds: 2, committed: 1, last: round, interrupted: false }

test('docs/cli.md lists the fields of sync-offsets; the text names state and reason', () => {
  holds('sync-offsets', [syncObject(sync)])
  assert.match(syncText(sync), /g\s+t\s+0\s+7\s+9\s+committed\s+moved/)
  assert.match(syncText(sync), /g\s+t\s+0\s+7\s+5\s+backwards\s+the target stands at 5/)
  assert.equal(syncStatus(sync), 3)
  assert.equal(syncStatus({ ...sync, last: { ...round, outcomes: [committed], unread: [] } }), 0)
})

const survey: Survey = {
  ...{ pipeline: 'dr', sourceClusterId: 's', targetClusterId: 't', groups: round },
  handedOver: [{ group: 'x', since: 0, by: 'failover' }],
  partitions: [
    {
      ...{ pipeline: 'dr', ...place, targetTopic: 'dr-t', copied: 10n, sourceEnd: 12n, completeFrom: 3n },
      ...{ mappings: 2, written: 0, events: [{ type: 'gap', from: 1n, to: 3n, time: 0 }] },
    },
  ],
}

test('docs/cli.md lists the fields of replicate status', () => {
  holds('replicate status', [surveyObject(survey)])
  assert.match(surveyText(survey), /t\s+0\s+dr-t\s+10\s+12\s+2\s+from 3\s+gap 1–3/)
})

const over: FailOverReport = {
  ...{ group: 'g', sourceClusterId: 's', targetClusterId: 't', snapshotId: 'snapshot-1', sourceLost: false },
  positions: [
    {
      ...{ ...place, sources: [source], before: 5n, now: 9n, state: 'in-step', detail: '' },
      proof: { result: 'same', detail: '7 = 9' },
    },
  ],
}

test('docs/cli.md lists the fields of failover; the exit status follows from the proofs', () => {
  holds('failover', [failOverObject(over)])
  assert.match(failOverText(over), /t\s+0\s+7\s+5\s+9\s+in-step\s+same: 7 = 9/)
  const withProof = (result: 'both-at-end' | 'not-copied-yet' | 'target-only' | 'different') => ({
    ...over,
    positions: over.positions.map((one) => ({ ...one, proof: { result, detail: '' } })),
  })
  assert.equal(failOverStatus(over), 0)
  assert.equal(failOverStatus(withProof('both-at-end')), 0)
  assert.equal(failOverStatus(withProof('not-copied-yet')), 3)
  assert.equal(failOverStatus(withProof('target-only')), 3)
  assert.equal(failOverStatus(withProof('different')), 5)
  assert.equal(failOverStatus({ ...over, sourceLost: true }), 3)
})

const back: FailBackReport = {
  ...{ group: 'g', sourceClusterId: 's', targetClusterId: 't', resumed: true },
  proofs: [{ ...place, proof: { result: 'same', detail: '7 = 9' } }],
  applied: {
    ...{ clusterId: 's', planHash: 'h', snapshotId: undefined, retentionMinutes: 10_080, commits: undefined },
    counts: { set: 1, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 },
    groups: [
      {
        ...{ group: 'g', outcome: 'done', commitMs: 3, retries: 0, expires: 0 },
        entries: [
          {
            outcome: 'set',
            now: 7n,
            entry: {
              ...{ group: 'g', ...place, current: undefined, target: 7n, metadata: '', action: 'SET' },
              ...{ kind: 'exact', reason: '', reread: 0, from: [] },
            },
          },
        ],
      },
    ],
  },
}

test('docs/cli.md lists the fields of failback', () => {
  holds('failback', [failBackObject(back)], ['applied'])
  assert.match(failBackText(back), /t\/0: next record same: 7 = 9/)
  assert.equal(failBackStatus(back), 0)
  assert.equal(failBackStatus({ ...back, resumed: false }), 3)
})

test('docs/cli.md lists the fields of mirror-positions', () => {
  const checkpoint = { group: 'g', ...place, upstreamOffset: 7n, offset: 9n, metadata: '' }
  const sync = { ...place, upstreamOffset: 7n, offset: 9n }
  holds('mirror-positions', [checkpointsObject('primary', [checkpoint]), syncsObject('syncs', [sync])])
  assert.match(checkpointsText('primary', [checkpoint]), /g\s+t\s+0\s+7\s+9/)
  assert.match(syncsText('syncs', [sync]), /t\s+0\s+7\s+9/)
})

const replication: ReplicationReport = {
  ...{ pipeline: 'dr', worker: 'w', since: 0, state: 'ended', shards: [1], workers: 1, interrupted: true },
  ...{ transactions: { committed: 2, aborted: 0 }, records: 3, bytes: 100, duplicates: 1, returned: 1 },
  durationMs: 5,
  failedTopics: [{ topic: 'bad', code: 'TARGET_CHANGED', message: 'it changed' }],
  partitions: [
    {
      ...{ ...place, targetTopic: 't', shard: 1, state: 'held', reason: 'gap', next: 3n, sourceEnd: 4n },
      ...{ delay: 20, records: 3, bytes: 100 },
    },
  ],
  events: [{ ...place, type: 'gap', from: 0n, to: 1n, time: 0 }],
}

test('docs/cli.md lists the fields of replicate', () => {
  holds('replicate', [replicationObject(replication)])
  assert.match(replicationText(replication), /t\s+0\s+3\s+4\s+3\s+held: gap/)
  assert.match(replicationText(replication), /bad: it changed \[TARGET_CHANGED\]/)
})
