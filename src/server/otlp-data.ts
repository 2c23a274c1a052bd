import { ValueType } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { MetricFamily } from './metrics.ts'

export interface OtlpMoment {
  /** Ms since the epoch: since when counters have been counting, and now. */
  readonly began: number
  readonly now: number
}

/**
 * All metrics as OpenTelemetry's data model has them: counters are monotonic sums since the program began (cumulative), gauges are gauges.
 * Names have their prefix as configured; labels are attributes. There are no units, so that names come out of a collector as Prometheus
 * gets them from `/metrics`.
 */
export function otlpMetrics(families: readonly MetricFamily[], { began, now }: OtlpMoment): MetricData[] {
  const [startTime, endTime] = [highResolution(began), highResolution(now)]
  return families.map(({ name, kind, help, points }): MetricData => {
    const dataPoints = points.map(({ labels, value }) => ({ startTime, endTime, attributes: labels, value }))
    const aggregationTemporality = AggregationTemporality.CUMULATIVE
    const descriptor = { name, description: help, unit: '' }
    if (kind === 'counter') {
      return {
        descriptor: { ...descriptor, valueType: ValueType.INT },
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        aggregationTemporality,
        dataPoints,
      }
    }
    return {
      descriptor: { ...descriptor, valueType: ValueType.DOUBLE },
      dataPointType: DataPointType.GAUGE,
      aggregationTemporality,
      dataPoints,
    }
  })
}

/** `[seconds, nanoseconds]` */
function highResolution(ms: number): [number, number] {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000]
}
