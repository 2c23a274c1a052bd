import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { median } from './child.ts'

/** A figure of ours beside a rival's, taken in turn in one run. */
export interface Comparison {
  readonly question: string
  readonly rival: string
  /** What is asked for, for example `≥ 2×`. */
  readonly reach: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
  /** More is better (a rate) or less is better (time, memory, CPU). */
  readonly better: 'more' | 'less'
}

/** A figure without a rival. */
export interface Figure {
  readonly question: string
  readonly reach: string
  readonly value: string
}

const comparisons: Comparison[] = []
const figures: Figure[] = []

/** Prints a comparison at once and keeps it for the results file. */
export function compared(comparison: Comparison): void {
  comparisons.push(comparison)
  const ours = median(comparison.ours)
  const theirs = median(comparison.theirs)
  const ratio = comparison.better === 'more' ? ours / theirs : theirs / ours
  const reach = comparison.reach === '' ? '' : ` (reach ${comparison.reach})`
  process.stdout.write(
    `${comparison.question}: ${number(ours)} against ${number(theirs)} ${comparison.unit} (${comparison.rival}): ` +
      `${ratio.toFixed(2)}× better${reach}\n`,
  )
}

/** Prints a figure at once and keeps it for the results file. */
export function found(figure: Figure): void {
  figures.push(figure)
  process.stdout.write(
    `${figure.question}: ${figure.value}${figure.reach === '' ? '' : ` (reach ${figure.reach})`}\n`,
  )
}

/** Writes everything measured, with the machine and the versions, to `bench/results/`. */
export async function saveResults(): Promise<void> {
  const folder = new URL('./results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memory: totalmem(),
    node: process.version,
    java: String(execFileSync('java', ['--version'])).split('\n')[0],
  }
  const name = new Date().toISOString().slice(0, 16).replaceAll(':', '')
  const text = JSON.stringify({ taken: new Date().toISOString(), machine, comparisons, figures }, null, 2)
  await writeFile(new URL(`${name}.json`, folder), `${text}\n`)
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(3)
}
