/** Values for machines. Offsets and counts are numbers up to 2^53, beyond that text: no parser may round them. */

/** A value with every `bigint` as a number where it is exact, else as text. */
export function plainNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return exact(value)
  if (Array.isArray(value)) return value.map(plainNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainNumbers(inner)]))
}

/** Indented JSON with a line break at the end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(plainNumbers(value), undefined, 2)}\n`
}

/** YAML, for the same value. */
export async function yamlText(value: unknown): Promise<string> {
  const { stringify } = await import('./yaml-library.ts')
  return stringify(plainNumbers(value), { lineWidth: 0, version: '1.1' })
}

/** RFC 4180 with a header row and LF line ends. */
export function csvText(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\n`).join('')
}

function csvCell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function exact(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}
