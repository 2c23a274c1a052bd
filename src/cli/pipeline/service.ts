import type { Telemetry } from '../../base/index.ts'
import type { Pipeline } from '../../config/index.ts'
import type { Health } from '../../server/index.ts'
import type { Session } from '../session.ts'

/** What a program that runs on reports through. */
export interface Service {
  readonly telemetry: Telemetry
  readonly health: Health
}

/**
 * Runs a program with its metrics and health served, its metrics in a topic and pushed to a collector, as the pipeline says; without any of them it costs nothing.
 * `parts` are what has to work for the program to be ready.
 */
export async function withService<T>(
  session: Session,
  pipeline: Pipeline,
  parts: readonly string[],
  work: (service: Service) => Promise<T>,
): Promise<T> {
  const { Health, Metrics, startOtlp, startServer } = await import('../../server/index.ts')
  const { listen, topic, otlp, prefixes } = pipeline.metrics
  const health = new Health(parts)
  const wanted = listen !== undefined || topic !== undefined || otlp !== undefined
  const metrics = wanted ? await Metrics.create(prefixes) : undefined
  const telemetry = metrics?.over(session.telemetry) ?? session.telemetry
  await using server =
    metrics === undefined || listen === undefined ? undefined : await startServer(listen, { metrics, health })
  if (server !== undefined) {
    session.log(
      'info',
      `Serving /metrics, /healthz and /readyz at http://${hostText(server.host)}:${server.port}`,
    )
  }
  await using _push =
    metrics === undefined || otlp === undefined
      ? undefined
      : await startOtlp(
          {
            ...otlp,
            program: pipeline.replicate === undefined ? 'sync-offsets' : 'replicate',
            pipeline: pipeline.name,
            families: () => metrics.families(),
          },
          { telemetry, clock: session.clock },
        )
  const { startMetricsTopic } = await import('../../replicate/index.ts')
  await using _topic =
    metrics === undefined || topic === undefined
      ? undefined
      : await startMetricsTopic(
          {
            pipeline: pipeline.name,
            target: pipeline.target,
            topic,
            interval: topic.interval,
            samples: () => metrics.samples(),
          },
          { signal: session.signal, telemetry, clock: session.clock },
        )
  return await work({ telemetry, health })
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
