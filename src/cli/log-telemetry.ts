import type { Telemetry } from '../base/index.ts'
import { printable } from './render/table.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof logLevels)[number]

export interface LogOptions {
  /** Lines below this level are dropped. */
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  readonly write: (line: string) => void
  /** Ms since the epoch. */
  readonly now: () => number
}

/** Telemetry of a command: log lines for people or machines. Counters and gauges are for servers and go nowhere. */
export function logTelemetry(options: LogOptions): Telemetry {
  const least = logLevels.indexOf(options.level)
  return {
    log(level, message, fields = {}) {
      if (logLevels.indexOf(level) < least) return
      options.write(
        options.format === 'json'
          ? JSON.stringify({
              type: 'log',
              time: new Date(options.now()).toISOString(),
              level,
              message,
              ...jsonFields(fields),
            })
          : `${level === 'info' ? '' : `${level}: `}${printable(message)}${fieldText(fields)}`,
      )
    },
    count() {},
    gauge() {},
  }
}

function jsonFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, jsonField(value)]))
}

function jsonField(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) return value.message
  return value
}

function fieldText(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (shown.length === 0) return ''
  return ` (${shown.map(([key, value]) => `${key}=${printable(String(value instanceof Error ? value.message : value))}`).join(' ')})`
}
