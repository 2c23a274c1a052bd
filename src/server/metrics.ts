import type { Counter, Gauge, Registry } from 'prom-client'
import { invariant, type Telemetry } from '../base/index.ts'
import { type MetricComponent, type MetricEntry, metricCatalogue } from './metric-catalogue.ts'

/** What stands before the names, by part; as configured, dots and all. */
export type MetricPrefixes = Readonly<Record<MetricComponent, string>>

/** One number, as it is sent to a topic. */
export interface MetricSample {
  /** With its prefix, as configured. */
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** All numbers of one name. */
export interface MetricFamily extends Pick<MetricSample, 'name' | 'kind'> {
  readonly help: string
  readonly points: readonly Pick<MetricSample, 'labels' | 'value'>[]
}

type Labels = Readonly<Record<string, string>>

/** The numbers of one program: counted through {@link Telemetry}, read by Prometheus or by whoever sends them on. */
export class Metrics {
  readonly #prefixes: MetricPrefixes
  readonly #registry: Registry
  readonly #entries = new Map<string, MetricEntry>()
  readonly #counters = new Map<string, Counter>()
  readonly #gauges = new Map<string, Gauge>()
  /** The numbers again, by name and labels: the library gives them out only as a whole, and later. */
  readonly #values = new Map<
    string,
    { readonly entry: MetricEntry; readonly labels: Labels; value: number }
  >()

  private constructor(
    prefixes: MetricPrefixes,
    { Counter, Gauge, Registry }: typeof import('./prometheus-library.ts'),
  ) {
    this.#prefixes = prefixes
    this.#registry = new Registry()
    for (const entry of metricCatalogue) {
      const options = {
        name: prometheusName(prefixes[entry.component], entry),
        help: entry.help,
        labelNames: entry.labels,
        registers: [this.#registry],
      }
      this.#entries.set(entry.name, entry)
      if (entry.kind === 'counter') this.#counters.set(entry.name, new Counter(options))
      else this.#gauges.set(entry.name, new Gauge(options))
    }
  }

  static async create(prefixes: MetricPrefixes): Promise<Metrics> {
    return new Metrics(prefixes, await import('./prometheus-library.ts'))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All numbers in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** All numbers that were counted so far. */
  samples(): readonly MetricSample[] {
    return [...this.#values.values()].map(({ entry, labels, value }) => ({
      name: this.#name(entry),
      kind: entry.kind,
      labels,
      value,
    }))
  }

  /** The same by their names. */
  families(): readonly MetricFamily[] {
    const byEntry = Map.groupBy(this.#values.values(), ({ entry }) => entry)
    return [...byEntry].map(([entry, values]) => ({
      name: this.#name(entry),
      kind: entry.kind,
      help: entry.help,
      points: values.map(({ labels, value }) => ({ labels, value })),
    }))
  }

  /** Telemetry that counts here; log lines go on to another one, and errors among them are counted by code. */
  over(log: Telemetry): Telemetry {
    return {
      log: (level, message, fields) => {
        if (typeof fields?.code === 'string') this.#count('errors', 1, { code: fields.code })
        log.log(level, message, fields)
      },
      count: (name, by, labels = {}) => this.#count(name, by, labels),
      gauge: (name, value, labels = {}) => this.#gauge(name, value, labels),
    }
  }

  #name({ component, name }: MetricEntry): string {
    return `${this.#prefixes[component]}${name}`
  }

  #count(name: string, by: number, labels: Labels): void {
    const counter = this.#counters.get(name)
    // Rooms below count things that no program serves.
    if (counter === undefined || by < 0) return
    counter.inc(labels, by)
    this.#value(name, labels).value += by
  }

  #gauge(name: string, value: number, labels: Labels): void {
    const gauge = this.#gauges.get(name)
    if (gauge === undefined) return
    gauge.set(labels, value)
    this.#value(name, labels).value = value
  }

  #value(name: string, labels: Labels) {
    const key = JSON.stringify([name, ...Object.entries(labels).flat()])
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const entry = this.#entries.get(name)
    invariant(entry !== undefined, 'only metrics of the catalogue have values')
    const made = { entry, labels, value: 0 }
    this.#values.set(key, made)
    return made
  }
}

/** `k2k.offsetmapping.` and `groups_seen` → `k2k_offsetmapping_groups_seen`. */
function prometheusName(prefix: string, { name, kind }: MetricEntry): string {
  const plain = `${prefix}${name}`.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
  const whole = /^\d/.test(plain) ? `_${plain}` : plain
  return kind === 'counter' ? `${whole}_total` : whole
}
