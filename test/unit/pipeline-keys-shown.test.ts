import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { pipelineJsonSchema } from '../../src/config/index.ts'

/*
 * Every key of a pipeline file that has an effect, and the test in which the effect is seen: on the clusters where only they show it. That
 * a key is accepted, and means what the job says, is no effect: that is in pipeline-config.test.ts, for all of them.
 */

const keys = 'integration/pipeline-keys.test.ts'
const copy = 'integration/replicate-copy.test.ts'
const changes = 'integration/replicate-changes.test.ts'
const both = 'integration/replicate-sync.test.ts'
const guards = 'integration/sync-guards.test.ts'
const positions = 'integration/sync-positions.test.ts'
const workers = 'fault/replicate-workers.test.ts'

const made = [keys, 'topicCreation: the pipeline’s own topics'] as const
const features = [keys, 'features: records get the time of the copy'] as const
const batches = [keys, 'coordination.commit: what has not been committed'] as const
const limits = [keys, 'limits: a copy with limits'] as const
const unfit = [keys, 'features.validateControlTopicSettings'] as const
const program = [both, 'two programs from one file'] as const
const missing = [positions, 'control topics that are missing or unfit'] as const
const byKey = [copy, 'records find their partition by key'] as const
const secured = [
  'integration/replicate-rights.test.ts',
  'the documented rights are enough to replicate',
] as const
const own = [guards, "the application's own commits on the target stay"] as const
const looks = ['unit/sync-topics.test.ts', 'a topic that was made is looked for'] as const
const scraped = ['unit/server.test.ts', 'what the rooms count is scraped'] as const
const pushed = ['integration/metrics-otlp.test.ts', 'replicate pushes what its file says'] as const
const aged = [positions, 'mappings are dropped by their age'] as const

const shownBy: Readonly<Record<string, readonly [file: string, title: string]>> = {
  name: program,
  'features.exactlyOnce': [workers, 'at least once: nothing is lost'],
  'features.keepRecordCreationTimestamp': features,
  'features.headerReplication': features,
  'features.autoCreateControlTopics': missing,
  'features.autoCreateTopics': [keys, 'features.autoCreateTopics'],
  'features.validateControlTopicSettings': unfit,
  'features.tracingHeaders': byKey,
  'features.tracingHeaders.partition': byKey,
  'features.tracingHeaders.offset': features,
  'features.tracingHeaders.topic': features,
  'features.tracingHeaders.pipeline': features,
  'features.followTopicConfigs': features,
  'features.bidirectionalReplication': [copy, 'two pipelines, one each way'],
  'features.offsetMapping': features,
  'features.applyMappingsGuard': own,
  'features.applyMappingsGuards': own,
  'source.name': made,
  'source.kafka.common': secured,
  'source.kafka.consumer': [copy, 'a pipeline that begins at the end'],
  'source.kafka.admin': secured,
  'target.kafka.common': secured,
  'target.kafka.producer': batches,
  'target.kafka.consumer': [keys, 'session.timeout.ms and workerId'],
  'target.kafka.admin': secured,
  'target.kafka.topicPropsExclusionList': made,
  'coordination.commit.topic': made,
  'coordination.commit.syncTimeout': [keys, 'coordination.commit.syncTimeout'],
  'coordination.commit.batchTimeout': batches,
  'coordination.commit.batchBytes': batches,
  workerId: [keys, 'session.timeout.ms and workerId'],
  'limits.memory': ['fault/replicate-many.test.ts', 'six hundred partitions'],
  'limits.bytesPerSecond': limits,
  'limits.recordsPerSecond': limits,
  'replication.source.name': made,
  'replication.source.topic': program,
  'replication.source.exclude': made,
  'replication.sink.name': made,
  'replication.sink.topic': made,
  'replication.sink.topic.prefix': program,
  'replication.sink.topic.suffix': ['unit/replicate-topics.test.ts', 'names on the target are made by'],
  'replication.sink.partition': byKey,
  'groups.pollInterval': [keys, 'groups.pollInterval'],
  'groups.consumerGroups': program,
  'groups.offsetGuardPrefix': [guards, 'a group gets the translated position'],
  'groups.followRewinds': [guards, 'a position never goes back'],
  'groups.overrideTargetCommits': own,
  'offsetMapping.topic': made,
  'offsetMapping.retention.time': aged,
  'offsetMapping.retention.count': [positions, 'a map is kept as long as it is to be'],
  'offsetMapping.retention.schedule': aged,
  'metrics.prefix.replicator': made,
  'metrics.prefix.sourceConsumer': scraped,
  'metrics.prefix.targetConsumer': scraped,
  'metrics.prefix.targetProducer': made,
  'metrics.prefix.offsetMappingApp': scraped,
  'metrics.kafka.topic': made,
  'metrics.kafka.interval': made,
  'metrics.otlp.endpoint': pushed,
  'metrics.otlp.interval': ['integration/metrics-otlp.test.ts', 'a collector that does not answer'],
  'metrics.otlp.headers': pushed,
  'metrics.server.address': made,
  'topicCreation.control.common.partitions': missing,
  'topicCreation.control.common.replication': missing,
  'topicCreation.control.common.config': made,
  'topicCreation.control.commit.partitions': made,
  'topicCreation.control.commit.replication': missing,
  'topicCreation.control.commit.config': made,
  'topicCreation.control.offsetMapping.partitions': made,
  'topicCreation.control.offsetMapping.replication': missing,
  'topicCreation.control.offsetMapping.config': made,
  'topicCreation.control.metrics.partitions': made,
  'topicCreation.control.metrics.replication': missing,
  'topicCreation.control.metrics.config': made,
  'topicCreation.target.replication': ['fault/replicate-brokers.test.ts', 'copies have as many replicas'],
  'topicCreation.target.config': made,
  'configuration.autoControlTopicCreationCheckDelay': looks,
  'configuration.autoControlTopicCreationMaxAttempts': looks,
  'configuration.topicRefreshInterval': [copy, 'a topic that appears is found'],
  'mirrorMaker2.sourceAlias': [positions, "MirrorMaker 2's own client translates"],
  'errorHandling.onMultipleTargetCommittedOffsets': [guards, 'two mappings of a partition'],
  'errorHandling.onActiveConsumerGroupCommit': [guards, 'a group with members on the target'],
  'errorHandling.sourceChanges.gap': [changes, 'a pipeline that is to stop at a gap'],
  'errorHandling.sourceChanges.truncated': [
    'fault/replicate-truncated.test.ts',
    'an unclean election at the source',
  ],
  'errorHandling.sourceChanges.recreated': [
    changes,
    'a pipeline that is to stop at a topic that was made anew',
  ],
  'errorHandling.sourceChanges.lost': [changes, 'a pipeline that is to stop at a topic that is gone'],
}

type Schema = Readonly<Record<string, unknown>>

/** Keys that hold values and have an effect: sections are shown by what is in them. */
function leaves(schema: Schema, path: string): readonly string[] {
  const alternatives = (schema.anyOf ?? schema.oneOf) as readonly Schema[] | undefined
  const inner = alternatives?.flatMap((one) => leaves(one, path)) ?? []
  if (typeof schema.items === 'object') return leaves(schema.items as Schema, path)
  const properties = Object.entries((schema.properties ?? {}) as Readonly<Record<string, Schema>>)
  if (properties.length === 0) return inner.length > 0 ? inner : [path]
  return properties.flatMap(([name, one]) =>
    String(one.description).startsWith('Accepted, no effect')
      ? []
      : leaves(one, path === '' ? name : `${path}.${name}`),
  )
}

test('every key that has an effect names the test that shows it', () => {
  assert.deepEqual(Object.keys(shownBy).sort(), [...new Set(leaves(pipelineJsonSchema(), ''))].sort())
})

test('the tests that are named are there', async () => {
  for (const [key, [file, title]] of Object.entries(shownBy)) {
    const text = await readFile(join(import.meta.dirname, '..', file), 'utf8')
    assert.ok(title.length > 10, key)
    assert.ok(
      ["test('", 'test("', 'test(`'].some((opening) => text.includes(opening + title)),
      `${key}: ${file} has no test that begins with: ${title}`,
    )
  }
})

test('no key of the files that others wrote is missing in the list', async () => {
  const ignored = new Set(['license', 'features.checkKafkaConnectionOnStartup', 'features.schemaMapping'])
  for (const name of ['k2k-offset-mapping.yaml', 'k2k-pipeline.yaml']) {
    const text = await readFile(join(import.meta.dirname, 'config-files', name), 'utf8')
    for (const key of pathsOf(parse(text))) {
      const known = Object.keys(shownBy).some(
        (one) => one === key || key.startsWith(`${one}.`) || one.startsWith(`${key}.`),
      )
      const without = [...ignored, 'coordination.commit.batchSize', 'coordination.assignment'].some((one) =>
        key.startsWith(one),
      )
      assert.ok(known || without, `${name}: ${key}`)
    }
  }
})

function pathsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value))
    return value.flatMap((item) => (typeof item === 'object' ? pathsOf(item, path) : [path]))
  if (typeof value !== 'object' || value === null) return value === null ? [] : [path]
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, path === '' ? key : `${path}.${key}`))
}
