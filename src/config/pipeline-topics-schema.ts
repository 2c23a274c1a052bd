import * as z from 'zod'
import { properties } from './pipeline-values.ts'
import { ignored, integer } from './values.ts'

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

/** `topicCreation` of a pipeline file. */
export const topicCreationSchema = z
  .strictObject({ control, target: newTopics }, 'expected control and target')
  .optional()
  .describe('How topics are created.')
