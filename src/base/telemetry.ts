/** What rooms report through. Handed in, never global; the command line and the server decide what becomes of it. */
export interface Telemetry {
  /** One line for the operator. `fields` never hold secrets. */
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void
  /** Adds to a counter, for example `bytes_fetched`. */
  count(name: string, by: number, labels?: Readonly<Record<string, string>>): void
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

/** Telemetry that goes nowhere. */
export const noTelemetry: Telemetry = Object.freeze({ log() {}, count() {}, gauge() {} })
