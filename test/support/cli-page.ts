import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The page that documents the command line. */
export const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'cli.md'), 'utf8')

/** Text of the section with a title, whatever its level, up to the next title; the case of its first letter does not matter. */
export function sectionOf(title: string): string {
  const parts = page.split(/^#{2,3} /m)
  const found = parts.find((part) => part.slice(0, part.indexOf('\n')).toLowerCase() === title.toLowerCase())
  if (found === undefined) throw new Error(`docs/cli.md has no section ${title}`)
  return found
}

/** Code in the first column of the tables whose first title is given. */
export function tableCells(text: string, title: string): readonly string[] {
  const cells: string[] = []
  let inside = false
  for (const line of text.split('\n')) {
    const [first] = line.split(/(?<!\\)\|/).slice(1)
    if (first === undefined) inside = false
    else if (first.trim() === title) inside = true
    else if (inside)
      cells.push(...[...first.matchAll(/`([^`]+)`/g)].map((match) => (match[1] ?? '').replaceAll('\\|', '|')))
  }
  return cells
}
