import * as z from 'zod'
import { duration, text } from './values.ts'

const prefix = (fallback: string, of: string) =>
  text()
    .regex(/^[A-Za-z0-9._:-]*$/, 'expected letters, digits, dots, hyphens, colons and underscores')
    .prefault(fallback)
    .describe(`What stands before the names of metrics ${of}.`)

/** `metrics` of a pipeline file. */
export const pipelineMetricsSchema = z
  .strictObject(
    {
      prefix: z
        .strictObject(
          {
            replicator: prefix('k2k.', 'of the copy'),
            sourceConsumer: prefix('k2k.consumer.source.', 'about reading from the source'),
            targetConsumer: prefix('k2k.offsetmapping.consumer.control.', 'about reading control topics'),
            targetProducer: prefix('k2k.offsetmapping.producer.', 'about writing to the target'),
            offsetMappingApp: prefix('k2k.offsetmapping.', 'of the sync of groups'),
          },
          'expected the prefixes of metrics',
        )
        .prefault({})
        .describe(
          'Prefixes of names; in Prometheus every character but letters, digits and colons becomes an underscore.',
        ),
      kafka: z
        .strictObject(
          {
            topic: text().describe('Topic on the target to which all metrics are written.'),
            interval: duration().prefault('30 seconds').describe('How often they are written.'),
          },
          'expected topic and interval',
        )
        .optional()
        .describe('Metrics in a topic.'),
      server: z
        .strictObject(
          {
            address: text().describe(
              'host:port that answers /metrics (Prometheus), /healthz and /readyz; none is opened unless it is given.',
            ),
          },
          'expected address',
        )
        .optional()
        .describe('Metrics and health over HTTP.'),
    },
    'expected prefix, kafka and server',
  )
  .prefault({})
  .describe('What the program tells of itself.')
