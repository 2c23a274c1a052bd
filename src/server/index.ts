/**
 * server: what a long-running program tells of itself: metrics for Prometheus, whether it is alive, whether it is ready.
 *
 *     metrics = new Metrics({ prefixes })
 *     telemetry = metrics.over(log lines)               handed to the rooms; they count and gauge, and know nothing of this one
 *     health = new Health(['copy', 'group sync'])       each part says when it works, and when it does not
 *     await using server = await startServer(address, { metrics, health, … })      GET /metrics, /healthz, /readyz
 *     await using push = await startOtlp({ url, … })                               the same numbers to an OpenTelemetry collector
 *     metrics.samples()                                 and for whoever sends them elsewhere
 *
 * It does not promise: authentication or encryption (bind it to an address that only the scraper reaches); that labels which
 * nobody updates any more are taken away while the process lives.
 */
export { Health, type HealthReport } from './health.ts'
export { type MetricComponent, type MetricEntry, metricCatalogue } from './metric-catalogue.ts'
export { type MetricPrefixes, type MetricSample, Metrics } from './metrics.ts'
export { type OtlpOptions, startOtlp } from './otlp.ts'
export { type ListenAddress, type RunningServer, type ServerParts, startServer } from './server.ts'
