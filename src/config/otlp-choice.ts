import type { ExpandSources } from './expand.ts'
import type { ConfigNote } from './ignored-keys.ts'
import type { PipelineSection } from './pipeline-schema.ts'
import type { Problems } from './problems.ts'
import { parseDuration } from './quantities.ts'

/** A collector to which metrics are pushed. */
export interface OtlpChoice {
  /** Path and all. */
  readonly url: string
  /** Those of the file. The variables' are added by the library that sends. */
  readonly headers: Readonly<Record<string, string>>
  /** Ms. */
  readonly interval: number
}

type Section = NonNullable<PipelineSection['metrics']['otlp']>

const path = ['metrics', 'otlp']
const notSpoken =
  'is grpc, which is not spoken: metrics are not pushed (http/protobuf would work, with the HTTP port of the collector, mostly 4318)'
const signalPath = '/v1/metrics'
/** Ms. More often than that would be work for nothing. */
const shortest = 100

/**
 * Where metrics are pushed, as the file says; where it does not, as OpenTelemetry's variables say, unless they switch it off (OTEL_SDK_DISABLED,
 * OTEL_METRICS_EXPORTER). Without `env` only the file counts. What is wrong goes to the problems, without the value: it may hold a secret.
 * Variables for gRPC, which is not spoken, are a problem only where the file asks for a push: an environment is often set for many programs
 * at once, and is no reason not to copy. Else they are a note.
 */
export function otlpChoice(
  section: Section | undefined,
  env: ExpandSources['env'] | undefined,
  problems: Problems,
  notes: ConfigNote[],
): OtlpChoice | undefined {
  const url =
    section?.endpoint === undefined
      ? env && urlOfEnvironment(section !== undefined, env, problems, notes)
      : checkedUrl(section.endpoint, withSignal, '', problems)
  const headers = section?.headers ?? {}
  checkHeaders(headers, problems)
  const interval = section?.interval ?? (url === undefined ? undefined : intervalOf(env ?? {}, problems))
  if (interval !== undefined && interval < shortest) {
    problems.add([...path, 'interval'], `is shorter than ${shortest} ms`)
  }
  return url === undefined ? undefined : { url, headers, interval: interval ?? 30_000 }
}

/** The signal's own variable is the whole address; that of all signals has the signal's path put behind. */
function urlOfEnvironment(
  asked: boolean,
  env: ExpandSources['env'],
  problems: Problems,
  notes: ConfigNote[],
): string | undefined {
  const off = /^true$/i.test(env.OTEL_SDK_DISABLED ?? '') || env.OTEL_METRICS_EXPORTER === 'none'
  const [own, all] = ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']
  const name = [own, all].find((one) => (env[one] ?? '') !== '')
  const value = name === undefined ? undefined : env[name]
  if (name === undefined || value === undefined || off) {
    if (asked) {
      problems.add([...path, 'endpoint'], 'is missing: where the collector takes OTLP over HTTP', {
        hint: 'for example http://collector:4318',
      })
    }
    return undefined
  }
  const protocol = ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'].find(
    (one) => env[one],
  )
  if (protocol !== undefined && env[protocol] === 'grpc') {
    if (asked) {
      problems.add([...path, 'endpoint'], `${name} is for gRPC, as ${protocol} says; only HTTP is spoken`, {
        hint: `name the HTTP port of the collector in the file, or set ${protocol}=http/protobuf`,
      })
    } else notes.push({ key: protocol, message: notSpoken })
    return undefined
  }
  return checkedUrl(value, name === own ? (url) => url : withSignal, `${name} `, problems)
}

/** The address to post to, or a problem. */
function checkedUrl(
  text: string,
  complete: (url: URL) => URL,
  from: string,
  problems: Problems,
): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    problems.add([...path, 'endpoint'], `${from}is no address of a collector`, {
      hint: 'expected http:// or https:// with host and port, such as http://collector:4318',
    })
    return undefined
  }
  if (url.username !== '' || url.password !== '') {
    problems.add([...path, 'endpoint'], `${from}has a user or a password in it`, {
      hint: 'what authorizes goes into metrics.otlp.headers',
    })
    return undefined
  }
  return complete(url).href
}

function withSignal(url: URL): URL {
  if (!url.pathname.endsWith(signalPath)) url.pathname = url.pathname.replace(/\/*$/, signalPath)
  return url
}

function checkHeaders(headers: Readonly<Record<string, string>>, problems: Problems): void {
  for (const [name, value] of Object.entries(headers)) {
    const at = [...path, 'headers', name]
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) problems.add(at, 'is no name of an HTTP header')
    else if (!/^[\t -~\u0080-\u00ff]*$/.test(value)) {
      problems.add(at, 'has a character in it that no header can have, such as a line break')
    }
  }
}

function intervalOf(env: ExpandSources['env'], problems: Problems): number | undefined {
  const text = env.OTEL_METRIC_EXPORT_INTERVAL ?? ''
  if (text === '') return undefined
  const interval = parseDuration(text)
  if (interval === undefined) {
    problems.add([...path, 'interval'], 'OTEL_METRIC_EXPORT_INTERVAL is no number of milliseconds')
  }
  return interval
}
