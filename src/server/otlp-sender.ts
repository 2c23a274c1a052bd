import { DiagLogLevel, diag } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import type { MetricFamily } from './metrics.ts'
import { type OtlpMoment, otlpMetrics } from './otlp-data.ts'

// Loads OpenTelemetry's library: imported when metrics are to be pushed, and only then.

export interface SenderOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Whose metrics they are. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over it. */
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  /** Told of points that the collector refused of a push that it took otherwise; each reason once. */
  readonly onRejected: (why: string) => void
}

/** Sends metrics, and answers why they did not arrive. */
export type OtlpSender = (families: readonly MetricFamily[], moment: OtlpMoment) => Promise<Error | undefined>

export function openSender({ url, headers, version, ...options }: SenderOptions): OtlpSender {
  const exporter = new OTLPMetricExporter({ url, headers: { ...headers } })
  const resource = resourceFromAttributes({ ...options.resource }).merge(
    detectResources({ detectors: [envDetector] }),
  )
  tellOfRejected(options.onRejected)
  return async (families, moment) => {
    try {
      const metrics = otlpMetrics(families, moment)
      const scopeMetrics = [{ scope: { name: 'tidemark', version }, metrics }]
      return await new Promise((resolve) =>
        exporter.export({ resource, scopeMetrics }, ({ error }) => resolve(error)),
      )
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}

/** The library tells it to its own logger alone. Nothing else of that is passed on: some of it shows headers. */
function tellOfRejected(tell: (why: string) => void): void {
  const told = new Set<string>()
  const silent = () => {}
  const warn = (message: string, ...more: readonly unknown[]) => {
    if (!message.startsWith('Received Partial Success')) return
    const why = String(more[0]).slice(0, 300)
    if (told.size >= 10 || told.has(why)) return
    told.add(why)
    tell(why)
  }
  diag.setLogger(
    { error: silent, warn, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}
