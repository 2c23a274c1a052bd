/** Quantities for people. Machines get plain numbers. */

/** `1,234,567`. */
export function countText(value: number | bigint): string {
  return value.toLocaleString('en-US')
}

/** `1 topic`, `2 topics`. */
export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** `512 B`, `1.5 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${countText(Math.floor(minutes / 60))} h ${two(minutes % 60)} min`
}

/** ISO 8601 in UTC, to the second: `2024-12-03T10:00:00Z`; `-` when there is none. */
export function timeText(ms: number | bigint | undefined): string {
  if (ms === undefined || ms < 0 || ms > 8_640_000_000_000_000) return '-'
  return new Date(Number(ms)).toISOString().replace(/\.\d{3}Z$/, 'Z')
}
