/** Grammars of quantities as users write them. Each answers undefined for what it cannot read. */

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
}

/**
 * A duration in ms: a bare number counts in `bareUnit` ms; otherwise one or more numbers with units, such as `500ms`, `10s`,
 * `1d12h`, `5 minutes`, or ISO 8601 without months and years: `PT1H`, `P1DT12H`.
 */
export function parseDuration(input: string | number, bareUnit = 1): number | undefined {
  if (typeof input === 'number') return quantity(input * bareUnit)
  const text = input.trim().toLowerCase()
  if (text.startsWith('p')) return isoDuration(text)
  if (/^\d+(\.\d+)?$/.test(text)) return quantity(Number(text) * bareUnit)
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const factor = durationUnits[unit ?? '']
    if (factor === undefined) return undefined
    total += Number(amount) * factor
  }
  return quantity(total)
}

function isoDuration(text: string): number | undefined {
  const match =
    /^p(?=[\dt])(?:(\d+)w)?(?:(\d+)d)?(?:t(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:[.,]\d+)?)s)?)?$/.exec(text)
  if (match === null) return undefined
  const factors = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000]
  return quantity(
    factors.reduce((sum, factor, i) => sum + factor * Number((match[i + 1] ?? '0').replace(',', '.')), 0),
  )
}

const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1000 ** 4,
}

/** A number of bytes: bare, or with a unit: `64MiB`, `1.5 GB`; `K`, `M`, `G`, `T` alone count in powers of 1024. */
export function parseBytes(input: string | number): number | undefined {
  if (typeof input === 'number') return quantity(input)
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(input.trim().toLowerCase())
  const factor = match?.[2] === '' ? 1 : byteUnits[match?.[2] ?? '?']
  return match === null || factor === undefined ? undefined : quantity(Number(match[1]) * factor)
}

/**
 * A moment in ms since the epoch: a bare integer, or ISO 8601 date or date and time. Without a zone it is UTC, so that the
 * same file means the same on every machine.
 */
export function parseInstant(input: string | number | bigint): bigint | undefined {
  if (typeof input === 'bigint') return input
  if (typeof input === 'number') return Number.isSafeInteger(input) && input >= 0 ? BigInt(input) : undefined
  const text = input.trim()
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/.exec(
      text,
    )
  if (match === null) return undefined
  const [, date = '', time = '00:00', zone = 'Z'] = match
  const offset = /^[+-]\d{2}$/.test(zone)
    ? `${zone}:00`
    : zone.toUpperCase().replace(/(\d{2})(\d{2})$/, '$1:$2')
  const moment = Date.parse(`${date}T${time.replace(',', '.')}${offset}`)
  if (Number.isNaN(moment)) return undefined
  const day = new Date(Date.parse(`${date}T00:00:00Z`)).toISOString().slice(0, 10)
  return day === date && moment >= 0 ? BigInt(moment) : undefined
}

function quantity(value: number): number | undefined {
  const rounded = Math.round(value)
  return Number.isSafeInteger(rounded) && rounded >= 0 ? rounded : undefined
}
