import * as z from 'zod'
import { properties } from './pipeline-values.ts'
import { text } from './values.ts'

/** `source` and `target` of a pipeline file: Java client properties. */

export const sourceClusterSchema = z
  .strictObject(
    {
      name: text()
        .optional()
        .describe('What {cluster} in the name of a target topic stands for; else the cluster id.'),
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

export const targetClusterSchema = z
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
