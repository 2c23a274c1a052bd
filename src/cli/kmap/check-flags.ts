import { resolve } from 'node:path'
import type { SwitchFlag, ValueFlag } from './flag-table.ts'
import { type Flags, usage } from './parse-flags.ts'

/** What kmap does for one command line. */
export type Job = 'report' | 'sizes' | 'restore' | 'script'

/** The job that the flags ask for. */
export function jobOf(flags: Flags): Job {
  if (flags.texts('restore-offsets').length > 0) return 'restore'
  if (flags.has('topic-sizes') || flags.text('topic-sizes-output') !== undefined) return 'sizes'
  return flags.texts('offsets-from').length > 0 ? 'script' : 'report'
}

/** Flags that have an effect in some jobs only; what names the job comes first, for the message. */
const effects: readonly (readonly [
  job: Job,
  goesWith: string,
  flags: readonly (ValueFlag | SwitchFlag)[],
])[] = [
  ['report', '', ['output', 'html', 'dot', 'recreate-script', 'save-offsets', 'since', 'timestamps']],
  ['sizes', '-topic-sizes', ['topic-sizes', 'topic-sizes-output', 'topic-list']],
  ['script', '-restore-offsets-script FILE', ['offsets-from']],
  [
    'restore',
    '-restore-offsets FILE',
    [
      ...(['restore-offsets', 'dry-run', 'by-timestamp', 'to-datetime', 'out-of-range', 'go-on'] as const),
      ...(['snapshot-path', 'no-snapshot', 'restore-report'] as const),
    ],
  ],
]

const jobFlag: Readonly<Record<Job, string>> = {
  report: '-output',
  sizes: '-topic-sizes',
  restore: '-restore-offsets',
  script: '-offsets-from',
}

/** Where the reports go that are written unasked. */
export const reportDefaults: Readonly<Partial<Record<ValueFlag, string>>> = {
  output: 'kafka-cluster-info.json',
  html: 'kafka-cluster-report.html',
}

/** Files that are written; each may be switched off by an empty name only where a report is. */
const reports = ['output', 'html', 'dot', 'recreate-script'] as const
const written = ['save-offsets', 'restore-offsets-script', 'topic-sizes-output', 'restore-report'] as const
const read = ['since', 'offsets-from', 'restore-offsets', 'command-config'] as const
const certificates = ['tls-ca-cert', 'tls-client-cert', 'tls-client-key'] as const

/** Throws USAGE for flags of which one would silently have no effect, or would destroy what another one names. */
export function checkTogether(flags: Flags): void {
  const job = jobOf(flags)
  for (const name of [...written, ...read, 'snapshot-path', 'brokers'] as const) {
    if (flags.texts(name).includes('')) throw usage(`-${name} is empty`, 'Is a variable of a script not set?')
  }
  for (const [own, goesWith, names] of effects) {
    const other = own === job ? undefined : names.find((name) => flags.isGiven(name))
    if (other === undefined) continue
    if (job === 'report') throw usage(`-${other} goes with ${goesWith}`)
    throw usage(`${jobFlag[job]} and -${other} are two jobs`, 'Run kmap once for each.')
  }
  checkWithin(flags, job)
  checkFiles(flags, job)
}

/** Flags of the same job. */
function checkWithin(flags: Flags, job: Job): void {
  const script = flags.text('restore-offsets-script') !== undefined
  const saves = flags.text('save-offsets') !== undefined
  if (script && (job === 'restore' || job === 'sizes')) {
    throw usage(`${jobFlag[job]} and -restore-offsets-script are two jobs`, 'Run kmap once for each.')
  }
  if (job === 'script' && !script) throw usage('-offsets-from goes with -restore-offsets-script FILE')
  if (flags.texts('since').length > 0 && !saves) throw usage('-since goes with -save-offsets FILE')
  if (flags.has('timestamps') && !saves) throw usage('-timestamps goes with -save-offsets FILE')
  if (flags.texts('groups').length > 0 && (job === 'sizes' || (job === 'report' && !saves && !script))) {
    throw usage('-groups goes with -save-offsets, -restore-offsets-script or -restore-offsets')
  }
  if (flags.has('by-timestamp') && flags.text('to-datetime') !== undefined) {
    throw usage('-by-timestamp and -to-datetime exclude each other')
  }
  if (flags.has('no-snapshot') && flags.text('snapshot-path') !== undefined) {
    throw usage('-no-snapshot and -snapshot-path exclude each other')
  }
}

/** No file is written twice, and none that is read. */
function checkFiles(flags: Flags, job: Job): void {
  const used = new Map<string, string>()
  for (const name of [...read, ...certificates]) {
    for (const file of flags.texts(name)) used.set(resolve(file), `-${name}`)
  }
  for (const name of [...reports, ...written]) {
    const file = flags.text(name) ?? (job === 'report' ? reportDefaults[name] : undefined)
    if (file === undefined || file === '' || file.startsWith('/dev/')) continue
    const other = used.get(resolve(file))
    if (other !== undefined)
      throw usage(`-${name} and ${other} are the same file, ${file}`, 'Name another one.')
    used.set(resolve(file), `-${name}`)
  }
}
