/** A column: its title, and whether its cells are numbers (aligned to the right). */
export interface Column {
  readonly title: string
  readonly numeric?: boolean
  /** Least width in characters. */
  readonly width?: number
}

/** A rule under a heading or a title row. */
export const heavyRule = '═'.repeat(62)
export const lightRule = '─'.repeat(61)

/** A title row and a line for each row, cells padded to the widest of their column; no trailing spaces. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = columns.map((column, index) =>
    Math.max(
      column.width ?? 0,
      column.title.length,
      ...rows.map((row) => printable(row[index] ?? '').length),
    ),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return columns[index]?.numeric === true
          ? printable(cell).padStart(width)
          : printable(cell).padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.title)), ...rows.map(line)]
}

/** Lines `Name   value`, the values below each other. */
export function fieldLines(fields: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...fields.map(([name]) => name.length))
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`.trimEnd())
}

/** Names come from clusters and may hold anything: control characters must not reach a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
