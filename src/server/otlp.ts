import { hostname } from 'node:os'
import { type Clock, packageVersion, type Telemetry } from '../base/index.ts'
import type { MetricFamily } from './metrics.ts'
import { otlpFailure } from './otlp-failure.ts'

/** Ms that the last push, at the end of the program, may take in all. */
const longestEnd = 2_000

export interface OtlpOptions {
  /** Where metrics are posted to, path and all. */
  readonly url: string
  /** Over those of OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_METRICS_HEADERS. */
  readonly headers: Readonly<Record<string, string>>
  /** Ms between two pushes. */
  readonly interval: number
  /** `replicate` or `sync-offsets`. */
  readonly program: string
  readonly pipeline: string
  readonly families: () => readonly MetricFamily[]
}

export interface OtlpContext {
  readonly telemetry: Telemetry
  readonly clock: Clock
}

/**
 * Pushes all metrics to an OpenTelemetry collector (OTLP over HTTP, protobuf) every `interval`, and once more when disposed. Whether the collector
 * takes them concerns nobody else: that it does not is said once, and once more when it does again.
 */
export async function startOtlp(options: OtlpOptions, context: OtlpContext): Promise<AsyncDisposable> {
  const { openSender } = await import('./otlp-sender.ts')
  const { telemetry, clock } = context
  const { url, headers, program, pipeline } = options
  const began = clock.now()
  const shown = shownUrl(url)
  const send = openSender({
    url,
    headers,
    resource: {
      'service.name': `tidemark-${program}`,
      'service.version': packageVersion(),
      'service.instance.id': `${hostname()}:${process.pid}`,
      'tidemark.pipeline': pipeline,
    },
    version: packageVersion(),
    onRejected: (why) =>
      telemetry.log('warn', `${shown} does not take all metrics: ${why}`, { collector: shown }),
  })
  let trouble = false
  const push = async () => {
    const families = options.families()
    if (families.length === 0) return
    const failure = await send(families, { began, now: clock.now() })
    if (failure !== undefined && !trouble) {
      const text = `Metrics cannot be pushed to ${shown}: ${otlpFailure(failure)}; everything else goes on, and this is said once`
      telemetry.log('warn', text, { collector: shown })
    }
    if (failure === undefined && trouble) {
      telemetry.log('info', `Metrics are pushed to ${shown} again`, { collector: shown })
    }
    trouble = failure !== undefined
  }
  const ending = new AbortController()
  const running = (async () => {
    while (!ending.signal.aborted) {
      await clock.sleep(options.interval, ending.signal).catch(() => {})
      if (!ending.signal.aborted) await push()
    }
  })()
  const end = async () => {
    ending.abort()
    await running
    await push()
  }
  let ended: Promise<void> | undefined
  return {
    [Symbol.asyncDispose]: () => {
      ended ??= bounded(end(), clock).then((inTime) => {
        if (inTime || trouble) return
        const text = `${shown} did not take the last metrics within ${longestEnd} ms`
        telemetry.log('warn', text, { collector: shown })
      })
      return ended
    },
  }
}

/** True where it ends in time; it is left alone otherwise. */
async function bounded(work: Promise<void>, clock: Clock): Promise<boolean> {
  const enough = new AbortController()
  const late = clock.sleep(longestEnd, enough.signal).catch(() => {})
  const inTime = await Promise.race([work.then(() => true), late.then(() => false)])
  enough.abort()
  return inTime
}

/** Without what may be a secret. */
function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
