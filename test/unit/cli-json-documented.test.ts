import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupSummary, PositionCapture, ValidationReport } from '../../src/archive/index.ts'
import type { BackupReport } from '../../src/backup/index.ts'
import { TidemarkError } from '../../src/base/index.ts'
import { progressObject } from '../../src/cli/progress/json-progress.ts'
import { plainNumbers } from '../../src/cli/render/machine-formats.ts'
import { listObject } from '../../src/cli/reports/backup-list.ts'
import { backupObject, backupText } from '../../src/cli/reports/backup-report.ts'
import { describeObject, describeText } from '../../src/cli/reports/describe-report.ts'
import { finishObject, finishText } from '../../src/cli/reports/finish-report.ts'
import { mappingObject } from '../../src/cli/reports/offset-mapping.ts'
import { outcomeObject, outcomeText } from '../../src/cli/reports/reset-outcome.ts'
import { restorePlanObject, restorePlanText } from '../../src/cli/reports/restore-plan.ts'
import { restoreObject, restoreText } from '../../src/cli/reports/restore-report.ts'
import { comparisonObject, comparisonText } from '../../src/cli/reports/snapshot-comparison.ts'
import { snapshotListObject, snapshotListText } from '../../src/cli/reports/snapshot-list.ts'
import {
  savedObject,
  savedText,
  snapshotObject,
  snapshotText,
} from '../../src/cli/reports/snapshot-report.ts'
import { threePhaseObject, threePhaseText } from '../../src/cli/reports/three-phase-report.ts'
import { validationObject } from '../../src/cli/reports/validation-report.ts'
import { verifyObject, verifyText } from '../../src/cli/reports/verify-report.ts'
import {
  type ApplyReport,
  compareSnapshot,
  headingOf,
  makePlan,
  planToJson,
  type Snapshot,
  type TakenSnapshot,
} from '../../src/offsets/index.ts'
import type {
  RestorePlan,
  RestoreReport,
  ValidateRestoreReport,
  VerifyReport,
} from '../../src/restore/index.ts'
import { holds } from '../support/documented-fields.ts'

const backup: BackupReport = {
  backupId: 'b',
  runId: 'r',
  sourceClusterId: 's',
  commits: 1,
  lastCommit: 1,
  topics: 1,
  partitions: 1,
  records: 1,
  rawBytes: 1,
  storedBytes: 1,
  abortedRecordsDropped: 1,
  groups: 1,
  notices: [
    { type: 'gap', topic: 't', partition: 0, reason: 'retention', from: 0n, to: 5n },
    { type: 'topic-missing', topic: 't' },
    { type: 'topic-recreated', topic: 't', oldId: 'a', newId: undefined },
    { type: 'topic-lost', topic: 't' },
    {
      type: 'open-transaction',
      topic: 't',
      partition: 0,
      producerId: 1n,
      lastStableOffset: 1n,
      highWatermark: 2n,
    },
    { type: 'partition-failed', topic: 't', partition: 0, code: 'BROKER_ERROR', message: 'm' },
    { type: 'group-failed', group: 'g', message: 'm' },
    { type: 'position-unstable', group: 'g', topic: 't', partition: 0 },
    { type: 'position-ahead', group: 'g', topic: 't', partition: 0, position: 9n, copiedTo: 5n },
    { type: 'configs-unreadable', topic: 't', message: 'm' },
  ],
  interrupted: false,
  durationMs: 1,
}

const notice = { code: 'c', message: 'm', topic: 't', partition: 0, group: 'g' }

const plan = makePlan({
  clusterId: 'c',
  created: 0,
  origin: { type: 'backup', backupId: 'b', restoreId: 'r', captured: 0 },
  strategy: 'header-based',
  map: 'the restore r',
  retentionMinutes: 10_080,
  topicIds: new Map([['t', 'id']]),
  wanted: [
    {
      group: 'g',
      topic: 't',
      partition: 0,
      offset: 5n,
      metadata: null,
      kind: 'exact',
      reason: 'why',
      reread: 2,
      from: [{ topic: 's', partition: 0, offset: 7n }],
    },
  ],
  notices: [{ code: 'no-match', message: 'm', group: 'g', topic: 't', partition: 0 }],
  current: {
    done: [
      {
        group: 'g',
        positions: [{ topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' }],
        unstable: [],
      },
    ],
    failed: [],
  },
  logs: new Map([['t', new Map([[0, { logStart: 0n, logEnd: 10n }]])]]),
})
const [entry = assert.fail('no entry')] = plan.entries

const applied: ApplyReport = {
  clusterId: 'c',
  planHash: plan.hash,
  snapshotId: 'snapshot-1',
  groups: [
    {
      group: 'g',
      outcome: 'partial',
      entries: [
        { entry, outcome: 'set', now: 5n },
        { entry, outcome: 'failed', now: 1n, error: new TidemarkError('BROKER_ERROR', 'no') },
      ],
      commitMs: 1,
      retries: 1,
      expires: 5,
    },
  ],
  counts: { set: 1, deleted: 0, kept: 0, skipped: 0, failed: 1, refused: 0 },
  commits: { groups: 1, positions: 2, seconds: 0.5, p50Ms: 1, p99Ms: 1, maxMs: 1, retries: 1 },
  retentionMinutes: 10_080,
}

const restore: RestoreReport = {
  restoreId: 'r',
  backupId: 'b',
  commit: 1,
  targetClusterId: 'c',
  dryRun: false,
  resumed: true,
  alreadyDone: false,
  partitions: [
    {
      sourceTopic: 's',
      sourcePartition: 0,
      targetTopic: 't',
      targetPartition: 'spread',
      records: 1,
      bytes: 1,
      sourceFrom: 0n,
      sourceTo: 1n,
      targetStart: 0n,
      targetEnd: 1n,
    },
  ],
  records: 1,
  bytes: 1,
  failedTopics: [{ topic: 't', code: 'RECORD_TOO_LARGE', message: 'm' }],
  waitingTopics: [{ topic: 't', configs: { 'retention.ms': '1' }, reason: 'old' }],
  positions: { plan, applied },
  notices: [notice],
  interrupted: false,
  durationMs: 1,
}

test('the JSON of backup is as documented', () => {
  // Partitions, groups and positions are told where a notice has them.
  holds('backup', [backupObject(backup)])
})

test('the JSON of restore, restore finish and three-phase-restore is as documented', () => {
  holds('restore', [restoreObject(restore)], ['positions', 'waiting_topics[].configs'])
  holds(
    'restore finish',
    [finishObject({ restoreId: 'r', topics: [{ topic: 't', configs: {} }], notices: [notice] })],
    ['topics[].configs'],
  )
  const map = { partitions: 1, records: 1, ranges: 1, bytes: 1 }
  holds(
    'three-phase-restore',
    [threePhaseObject({ restore, map, positions: restore.positions })],
    ['restore', 'positions'],
  )
})

const summary: BackupSummary = {
  identity: {
    formatVersion: 1,
    backupId: 'b',
    sourceClusterId: 's',
    sourceName: 'n',
    created: 0,
    software: 'tidemark',
  },
  commits: 1,
  lastCommit: 1,
  lastCommitTime: 0,
  complete: true,
  topics: [
    {
      topic: 't',
      topicId: 'i',
      superseded: false,
      partitions: 1,
      records: 1,
      rawBytes: 1,
      storedBytes: 1,
      chunks: 1,
      gaps: 0,
      maxTimestamp: 5n,
    },
  ],
  groups: 1,
}

const capture: PositionCapture = {
  taken: 0,
  groups: [
    {
      group: 'g',
      type: 'classic',
      state: 'Empty',
      protocolType: 'consumer',
      members: 0,
      positions: [{ topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata: null }],
    },
  ],
  failed: [{ group: 'h', error: 'e' }],
}

test('the JSON of list and describe is as documented', () => {
  const error = new TidemarkError('ARCHIVE_DAMAGED', 'm')
  holds('list', [
    listObject('/a', [
      { backupId: 'b', summary },
      { backupId: 'c', error },
    ]),
  ])
  holds('describe', [describeObject(summary, capture)])
})

test('the JSON of validate is as documented', () => {
  const report: ValidationReport = {
    backupId: 'b',
    deep: true,
    commits: 1,
    checkpoints: 1,
    objects: 1,
    chunks: 1,
    storedBytes: 1,
    rawBytes: 1,
    records: 1,
    chunksRead: 1,
    errors: 1,
    orphans: 0,
    orphanBytes: 0,
  }
  holds('validate', [
    validationObject(report, [{ severity: 'error', kind: 'missing', object: 'o', message: 'm' }]),
  ])
})

const restorePlan: RestorePlan = {
  backupId: 'b',
  commit: 1,
  sourceClusterId: 's',
  sourceName: 's',
  targetClusterId: 'c',
  hash: 'h',
  topics: [
    {
      target: 't',
      sources: ['s'],
      action: 'create',
      partitions: 1,
      replicationFactor: undefined,
      exclusive: true,
      purge: false,
      finalConfigs: {},
      limit: 1,
      largestBatch: 1,
      lanes: [],
      scan: { sizes: false, nullKeys: false },
    },
  ],
  records: 1,
  bytes: 1,
  obstacles: [],
  notices: [],
}

const validation: ValidateRestoreReport = {
  backupId: 'b',
  commit: 1,
  targetClusterId: 'c',
  topics: 1,
  partitions: 1,
  records: 1,
  bytes: 1,
  groups: 1,
  obstacles: [{ code: 'TARGET_NOT_EMPTY', message: 'm' }],
  notices: [notice],
  durationMs: 1,
}

test('the JSON of validate-restore is as documented', () => {
  holds(
    'validate-restore',
    [restorePlanObject(restorePlan, validation)],
    ['topics[].configs', 'topics[].sources'],
  )
})

const verified: VerifyReport = {
  backupId: 'b',
  commit: 1,
  restoreId: 'r',
  targetClusterId: 'c',
  partitions: [
    {
      topic: 't',
      partition: 0,
      aligned: 'map',
      expected: 1,
      same: 0,
      different: 1,
      missing: 0,
      compacted: 0,
      expired: 0,
      extra: 0,
      behind: 0,
      behindExact: true,
    },
  ],
  positions: [
    { group: 'g', topic: 't', partition: 0, source: 1n, target: 1n, committed: undefined, outcome: 'same' },
  ],
  differences: 1,
  listed: [
    {
      kind: 'different',
      topic: 't',
      partition: 0,
      source: { topic: 's', partition: 0 },
      what: 'the value',
      archive: {
        offset: 0n,
        timestamp: 0n,
        key: null,
        value: 'v\u001b',
        headers: [{ key: 'h', value: null }],
      },
      target: undefined,
    },
  ],
  notices: [notice],
  durationMs: 1,
}

test('the JSON of verify is as documented', () => {
  holds('verify', [verifyObject(verified)], ['listed[].archive', 'listed[].target'])
})

test('the JSON of show-offset-mapping is as documented', () => {
  const row = { topic: 't', partition: 0, firstOffset: 0n, lastOffset: 9n, records: 10 }
  holds('show-offset-mapping', [mappingObject('b', 1, [{ topic: 't', topicId: 'i', rows: [row] }])])
})

test('the JSON of offset-reset is as documented', () => {
  holds('offset-reset plan', [JSON.parse(planToJson(plan))])
  holds('offset-reset execute', [outcomeObject(applied, plan.notices)].map(withoutNullErrors))
})

const snapshot: Snapshot = {
  id: 'snapshot-1',
  created: 0,
  description: 'd\u001b',
  clusterId: 'c',
  planHash: 'h',
  groups: [
    {
      group: 'g\u001b',
      positions: [{ topic: 't', partition: 0, offset: 5n, leaderEpoch: -1, metadata: 'm\u001b' }],
      absent: [{ topic: 't', partition: 1 }],
    },
  ],
  base: { id: 'snapshot-0', created: 0, hash: 'h' },
  removed: [],
}
const taken: TakenSnapshot = {
  draft: snapshot,
  active: [{ group: 'a', type: 'classic', state: 'Stable', protocolType: 'consumer' }],
  empty: ['e'],
  unstable: ['u'],
  share: [],
}
const saved = { snapshot, taken, place: '/p\u001b' }
const comparison = compareSnapshot(snapshot, [
  {
    group: 'g\u001b',
    positions: [{ topic: 't', partition: 0, offset: 6n, leaderEpoch: -1, metadata: 'n\u001b' }],
    unstable: [],
  },
])
const listedSnapshots = [
  { id: 'snapshot-1', heading: headingOf(snapshot) },
  { id: 'snapshot-2', error: new TidemarkError('FILE_NOT_READABLE', 'm') },
]

test('the JSON of offset-rollback is as documented', () => {
  holds('offset-rollback snapshot', [savedObject(saved)])
  holds('offset-rollback list', [snapshotListObject('/p', listedSnapshots)])
  holds('offset-rollback show', [snapshotObject(snapshot, snapshot)])
  holds('offset-rollback verify', [comparisonObject(snapshot, comparison)])
})

/** An outcome has either an error or null. */
function withoutNullErrors(value: unknown): unknown {
  const text = JSON.stringify(plainNumbers(value))
  return JSON.parse(text.replaceAll(',"error":null', ''))
}

test('the lines of --progress json are as documented', () => {
  const reading = {
    phase: 'copy',
    bytes: 1,
    records: 1,
    totalBytes: 1,
    totalRecords: 1,
    partitions: 1,
    partitionsDone: 1,
    groups: 2,
    groupsDone: 1,
    bytesPerSecond: 1,
    recordsPerSecond: 1,
    secondsLeft: 1,
    slowest: [{ topic: 't', partition: 0, recordsLeft: 1 }],
  }
  holds('run flags', [progressObject(reading, 0)])
})

test('texts for people have every part, and never a control character of a record', () => {
  const texts = [
    backupText(backup),
    restoreText(restore, 'restore.yaml'),
    threePhaseText({ restore, map: undefined, positions: restore.positions }, 'restore.yaml'),
    finishText({ restoreId: 'r', topics: [], notices: [notice] }),
    describeText(summary, capture),
    outcomeText(applied),
    restorePlanText(restorePlan, validation),
    verifyText(verified),
    savedText(saved),
    snapshotText(snapshot, snapshot),
    snapshotListText('/p', listedSnapshots),
    comparisonText(snapshot, comparison),
  ]
  for (const text of texts) {
    assert.doesNotMatch(text, /undefined|\[object/)
    assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u)
    assert.match(text, /[^\n]\n$/)
    assert.ok(text.split('\n').every((line) => line === line.trimEnd()))
  }
  assert.match(texts[0] ?? '', /offsets 0 to 4 are not in the backup: retention had deleted them/)
  assert.match(texts[1] ?? '', /retention\.ms=1 \(old\)\nApply them with: kafka-backup restore finish r/)
  assert.match(texts[7] ?? '', /archive: offset 0, time 0, key null, value "v\\u001b", headers h=null/)
})
