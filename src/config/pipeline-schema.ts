import * as z from 'zod'
import { sourceClusterSchema, targetClusterSchema } from './pipeline-cluster-schema.ts'
import { coordinationSchema, limitsSchema, sourceChangesSchema, stepSchema } from './pipeline-copy-schema.ts'
import { featuresSchema } from './pipeline-features-schema.ts'
import { groupsSchema, offsetMappingSchema } from './pipeline-groups-schema.ts'
import { pipelineMetricsSchema } from './pipeline-metrics-schema.ts'
import { topicCreationSchema } from './pipeline-topics-schema.ts'
import { failOrIgnore } from './pipeline-values.ts'
import { duration, ignored, integer, text } from './values.ts'

/** A pipeline file: what `replicate`, `sync-offsets`, `failover` and `failback` read. */
export const pipelineSchema = z.strictObject(
  {
    name: text()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected 1 to 100 letters, digits, dots, hyphens and underscores')
      .describe(
        'Name of the pipeline: part of transactional ids and group names, so that it must not change.',
      ),
    license: ignored('none is needed'),
    features: featuresSchema.prefault({}),
    source: sourceClusterSchema,
    target: targetClusterSchema,
    coordination: coordinationSchema,
    workerId: text()
      .optional()
      .describe('Name of this worker, the same after a restart; else made of the host.'),
    limits: limitsSchema,
    replication: z
      .array(stepSchema, 'expected a list with a source and a sink')
      .optional()
      .describe('What is copied, and where it goes.'),
    groups: groupsSchema,
    offsetMapping: offsetMappingSchema,
    metrics: pipelineMetricsSchema,
    topicCreation: topicCreationSchema,
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
          sourceChanges: sourceChangesSchema,
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
