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
      otlp: z
        .strictObject(
          {
            endpoint: text()
              .optional()
              .describe(
                'Where an OpenTelemetry collector takes OTLP over HTTP: http://host:4318 or https://…; /v1/metrics is put behind it where it is missing. Else OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, else OTEL_EXPORTER_OTLP_ENDPOINT; nothing is pushed unless one is given.',
              ),
            interval: duration()
              .optional()
              .describe('How often they are pushed; else OTEL_METRIC_EXPORT_INTERVAL, else 30 seconds.'),
            headers: z
              .record(z.string(), text(), 'expected names of headers with their values')
              .optional()
              .describe(
                'HTTP headers by name, for example what authorizes; over those of OTEL_EXPORTER_OTLP_METRICS_HEADERS and OTEL_EXPORTER_OTLP_HEADERS. Never shown.',
              ),
          },
          'expected endpoint, interval and headers',
        )
        .optional()
        .describe('Metrics pushed to an OpenTelemetry collector.'),
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
    'expected prefix, kafka, otlp and server',
  )
  .prefault({})
  .describe('What the program tells of itself.')
