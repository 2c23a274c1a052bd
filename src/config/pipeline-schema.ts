import * as z from 'zod'
import { pipelineMetricsSchema } from './pipeline-metrics-schema.ts'
import { bytes, duration, ignored, integer, text } from './values.ts'

/** `enabled` or `disabled`; true and false are understood too. */
export const toggle = () =>
  z
    .union(
      [z.boolean(), z.enum(['enabled', 'disabled', 'true', 'false'])],
      'expected "enabled" or "disabled"',
    )
    .transform((value) => value === true || value === 'true' || value === 'enabled')

/** A regular expression over the whole name, or a list of names, globs and `~regex`. */
const pattern = (what: string) =>
  z.union([text(), z.array(text())], `expected a regular expression or a list of ${what}`)

/** Java client properties: checked name by name, with what each means here, in `java-properties.ts`. */
const properties = () =>
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]), 'expected Kafka client properties')

const failOrIgnore = () => z.enum(['fail', 'ignore'], 'expected "fail" or "ignore"')

const topicSettings = (what: string) =>
  z
    .strictObject(
      {
        partitions: integer(1, 10_000).optional().describe('Partitions.'),
        replication: integer(1, 100)
          .optional()
          .describe('Replication factor; at most the number of brokers.'),
        config: properties().optional().describe('Topic settings, over those that the topic needs.'),
      },
      'expected partitions, replication and config',
    )
    .optional()
    .describe(what)

const features = z
  .strictObject(
    {
      exactlyOnce: toggle()
        .prefault('enabled')
        .describe('Each record once on the target, through transactions; disabled: at least once.'),
      keepRecordCreationTimestamp: toggle()
        .prefault('enabled')
        .describe('Records keep their time; disabled: they get the time at which they are copied.'),
      checkKafkaConnectionOnStartup: ignored('both clusters are always connected to before any work'),
      headerReplication: toggle()
        .prefault('enabled')
        .describe('Records keep their headers; disabled: they lose them.'),
      schemaMapping: ignored('records are copied byte for byte: schema ids stay as they are'),
      autoCreateControlTopics: toggle()
        .prefault('disabled')
        .describe('Control topics that are missing are created; disabled: they are an error.'),
      autoCreateTopics: toggle()
        .prefault('enabled')
        .describe("Target topics that are missing are created with the source's partitions and settings."),
      validateControlTopicSettings: toggle()
        .prefault('enabled')
        .describe('Control topics whose settings would lose positions are an error.'),
      tracingHeaders: z
        .union(
          [
            toggle(),
            z.strictObject(
              {
                partition: toggle().optional().describe('The partition, in a header.'),
                offset: toggle().optional().describe('The offset, in a header.'),
                topic: toggle().optional().describe('The topic, in a header.'),
                pipeline: toggle().optional().describe('The name of the pipeline, in a header.'),
              },
              'expected enabled, disabled, or partition, offset, topic and pipeline with enabled or disabled',
            ),
          ],
          'expected enabled, disabled, or a section with partition, offset, topic and pipeline',
        )
        .prefault('disabled')
        .describe('Headers that say where a record comes from: all, none, or those that are named.'),
      followTopicConfigs: toggle()
        .prefault('enabled')
        .describe("Later changes of a source topic's settings are made on the target too."),
      bidirectionalReplication: toggle()
        .prefault('disabled')
        .describe(
          'Two pipelines copy the same topics both ways: records carry where they come from, and never go back there.',
        ),
      offsetMapping: toggle()
        .prefault('disabled')
        .describe('The copy publishes its offset map, for the sync of groups.'),
      applyMappingsGuard: toggle()
        .prefault('enabled')
        .describe(
          'Commits on the target never go back, never over a newer mapping, never over the own commits of the application; disabled: they do.',
        ),
      applyMappingsGuards: toggle().optional().describe('The same as applyMappingsGuard.'),
    },
    'expected the keys of features',
  )
  .describe('What is switched on.')

const coordination = z
  .strictObject(
    {
      commit: z
        .strictObject(
          {
            topic: text()
              .prefault('__k2k_consumer-offsets')
              .describe(
                'Control topic on the target: positions of the copy, and what the sync has to remember.',
              ),
            syncTimeout: duration()
              .prefault('30 seconds')
              .describe('How long the control topic may take to be read.'),
            batchSize: ignored('a transaction is bounded by its time and its bytes'),
            batchTimeout: duration()
              .prefault('50 milliseconds')
              .describe(
                'Time between two commits of the copy under steady traffic; what comes after a pause is committed at once.',
              ),
            batchBytes: bytes(1 << 16)
              .prefault('16MiB')
              .describe('Bytes after which the copy commits before that.'),
          },
          'expected topic, syncTimeout, batchSize and batchTimeout',
        )
        .prefault({})
        .describe('Where the copy stands.'),
      assignment: z
        .strictObject({
          topic: ignored("partitions are shared out by Kafka's own group protocol"),
        })
        .optional()
        .describe('Who copies what.'),
    },
    'expected commit and assignment',
  )
  .prefault({})
  .describe('How copy and workers keep their place.')

const groups = z
  .strictObject(
    {
      pollInterval: duration()
        .prefault('5 seconds')
        .describe('How often positions are read, translated and committed.'),
      consumerGroups: pattern('group names')
        .prefault('.*')
        .describe(
          'Groups to keep in step: a regular expression over the whole name, or a list of names, globs and ~regex.',
        ),
      offsetGuardPrefix: text()
        .min(1, 'expected at least one character')
        .prefault('k2k_')
        .describe('What the metadata of our commits begins with.'),
      followRewinds: toggle()
        .prefault('disabled')
        .describe('A group that was set back on the source is set back on the target too.'),
      overrideTargetCommits: toggle()
        .prefault('disabled')
        .describe('Positions that the application on the target committed by itself are replaced.'),
    },
    'expected the keys of groups',
  )
  .prefault({})
  .describe('Which groups are kept in step, and how.')

const offsetMapping = z
  .strictObject(
    {
      topic: text().prefault('__k2k_offset_mappings').describe('Topic of the offset map, on the target.'),
      retention: z
        .strictObject(
          {
            time: z
              .union([z.literal('topic'), duration()], 'expected "topic" or a duration')
              .prefault('topic')
              .describe(
                'How long mappings are kept in memory: "topic" (as long as the topic keeps them) or a duration.',
              ),
            count: integer(1).prefault(1000).describe('Mappings kept for each source partition.'),
            schedule: duration()
              .prefault('5 minutes')
              .describe('How often old ones are dropped from memory.'),
          },
          'expected time, count and schedule',
        )
        .prefault({})
        .describe('How much of the map is kept.'),
    },
    'expected topic and retention',
  )
  .prefault({})
  .describe('The offset map.')

const control = z
  .strictObject(
    {
      common: topicSettings('For every control topic.'),
      commit: topicSettings('For the topic of coordination.commit, over common.'),
      offsetMapping: topicSettings('For the mapping topic, over common.'),
      metrics: topicSettings('For the metrics topic, over common.'),
      assignment: ignored('there is no such topic here'),
    },
    'expected common, commit, offsetMapping and metrics',
  )
  .optional()
  .describe('How control topics are created.')

const newTopics = z
  .strictObject(
    {
      replication: integer(1, 100)
        .optional()
        .describe('Replication factor; else that of the source, at most the number of brokers.'),
      config: properties().optional().describe('Topic settings, over those of the source.'),
    },
    'expected replication and config',
  )
  .optional()
  .describe('How target topics are created.')

const change = (what: string) =>
  z
    .enum(['continue', 'hold', 'stop'], 'expected "continue", "hold" or "stop"')
    .prefault('continue')
    .describe(what)

const sourceChanges = z
  .strictObject(
    {
      gap: change('Records were deleted by retention before they were copied.'),
      truncated: change('The source lost records that had been copied.'),
      recreated: change('A topic was deleted and created again.'),
      lost: change('A topic or a partition is gone.'),
    },
    'expected gap, truncated, recreated and lost',
  )
  .prefault({})
  .describe(
    'What follows from changes that cost records: go on, leave the partition alone, or end the program. Told in any case.',
  )

const limits = z
  .strictObject(
    {
      memory: bytes(1 << 20)
        .prefault('64MiB')
        .describe('Memory for record batches in all.'),
      bytesPerSecond: bytes().optional().describe('Bytes a second that are copied at most, by this worker.'),
      recordsPerSecond: integer(1).optional().describe('Records a second, likewise.'),
    },
    'expected memory, bytesPerSecond and recordsPerSecond',
  )
  .prefault({})
  .describe('Bounds of the copy.')

const step = z.strictObject(
  {
    source: z
      .strictObject(
        {
          name: text().optional().describe('Its name in messages.'),
          topic: pattern('topic names').describe(
            'Topics to copy: a regular expression over the whole name, or a list of names, globs and ~regex.',
          ),
          exclude: pattern('topic names').optional().describe('Topics left out, over topic.'),
        },
        'expected name, topic and exclude',
      )
      .optional()
      .describe('What is copied.'),
    sink: z
      .strictObject(
        {
          name: text().optional().describe('Its name in messages.'),
          topic: z
            .union(
              [
                text(),
                z.strictObject(
                  {
                  prefix: text().optional().describe('What goes before the name of the source topic.'),
                  suffix: text().optional().describe('What goes behind it.'),
                },
                  'expected prefix and suffix',
                ),
              ],
              'expected "source", a name with {topic} in it, or a section with prefix and suffix',
            )
            .prefault('source')
            .describe('Name on the target: source, prefix and suffix, or a text with {topic} in it.'),
          partition: z
            .enum(['source', 'key'], 'expected "source" or "key"')
            .prefault('source')
            .describe('source: the partition that the record had; key: by its key, where the counts differ.'),
        },
        'expected name, topic and partition',
      )
      .optional()
      .describe('Where it goes.'),
  },
  'expected source or sink',
)

const sourceCluster = z
  .strictObject(
    {
      name: text().optional().describe('How headers and maps name the cluster; else its cluster id.'),
      kafka: z
        .strictObject(
          {
            common: properties().optional().describe('Client properties for every connection.'),
            consumer: properties().optional().describe('Client properties for reading.'),
            admin: properties().optional().describe('Client properties for topics and groups.'),
          },
          'expected common, consumer and admin',
        )
        .describe('Java client properties; each that means something here is heeded, the others are named.'),
    },
    'expected kafka',
  )
  .optional()
  .describe('The cluster that is copied from.')

const targetCluster = z
  .strictObject(
    {
      kafka: z
        .strictObject(
          {
            common: properties().optional().describe('Client properties for every connection.'),
            producer: properties().optional().describe('Client properties for writing.'),
            consumer: properties().optional().describe('Client properties for reading control topics.'),
            admin: properties().optional().describe('Client properties for topics and groups.'),
            topicPropsExclusionList: z
              .array(text(), 'expected a list of topic settings')
              .prefault([])
              .describe('Topic settings of the source that target topics do not get.'),
          },
          'expected common, producer, consumer, admin and topicPropsExclusionList',
        )
        .describe('Java client properties, and which topic settings are not taken over.'),
    },
    'expected kafka',
  )
  .optional()
  .describe('The cluster that is copied to.')

/** A pipeline file: what `replicate`, `sync-offsets`, `failover` and `failback` read. */
export const pipelineSchema = z.strictObject(
  {
    name: text()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected 1 to 100 letters, digits, dots, hyphens and underscores')
      .describe(
        'Name of the pipeline: part of transactional ids and group names, so that it must not change.',
      ),
    license: ignored('none is needed'),
    features: features.prefault({}),
    source: sourceCluster,
    target: targetCluster,
    coordination,
    workerId: text()
      .optional()
      .describe('Name of this worker, the same after a restart; else made of the host.'),
    limits,
    replication: z
      .array(step, 'expected a list with a source and a sink')
      .optional()
      .describe('What is copied, and where it goes.'),
    groups,
    offsetMapping,
    metrics: pipelineMetricsSchema,
    topicCreation: z
      .strictObject({ control, target: newTopics }, 'expected control and target')
      .optional()
      .describe('How topics are created.'),
    configuration: z
      .strictObject(
        {
          autoControlTopicCreationCheckDelay: duration()
            .prefault('750 milliseconds')
            .describe('Time between two looks whether a control topic that was created is there.'),
          autoControlTopicCreationMaxAttempts: integer(1, 10_000).prefault(10).describe('How many looks.'),
          topicRefreshInterval: duration()
            .prefault('30 seconds')
            .describe('Time between two looks for new topics, partitions and settings.'),
        },
        'expected the keys of configuration',
      )
      .prefault({})
      .describe('Patience.'),
    mirrorMaker2: z
      .strictObject(
        {
          sourceAlias: text()
            .regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected letters, digits, dots, hyphens and underscores')
            .describe(
              'Alias of the source: positions are also written to <alias>.checkpoints.internal on the target.',
            ),
        },
        'expected sourceAlias',
      )
      .optional()
      .describe('Checkpoints as MirrorMaker 2 writes them, for its RemoteClusterUtils.'),
    errorHandling: z
      .strictObject(
        {
          onMultipleTargetCommittedOffsets: failOrIgnore()
            .prefault('fail')
            .describe(
              'Two pipelines map the same source partition: fail ends the program, ignore takes the lower target offset.',
            ),
          onActiveConsumerGroupCommit: failOrIgnore()
            .prefault('fail')
            .describe(
              'A position is to be set, and the group has members on the target: fail ends the program, ignore leaves the group alone.',
            ),
          sourceChanges,
        },
        'expected the keys of errorHandling',
      )
      .prefault({})
      .describe('What ends the program.'),
  },
  'expected the keys of a pipeline file',
)

/** A pipeline file after checking, defaults filled in. */
export type PipelineSection = z.output<typeof pipelineSchema>

/** The JSON Schema of pipeline files, draft 2020-12. */
export function pipelineJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(pipelineSchema, { io: 'input', unrepresentable: 'any' })
  return { title: 'Tidemark pipeline', ...schema }
}
