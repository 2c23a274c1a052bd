import type { Session } from '../session.ts'
import { helpText } from './help-text.ts'
import { type Flags, parseFlags, usage } from './parse-flags.ts'

/** Runs one command line of `kmap`. What it loads is what it does: help and version need no client. */
export async function runKmap(argv: readonly string[], session: Session): Promise<void> {
  const flags = await parseFlags(argv)
  if (flags.has('help')) return session.out.write(helpText())
  if (flags.has('version')) {
    const { packageVersion } = await import('../../base/index.ts')
    return session.out.line(`kmap ${packageVersion()}`)
  }
  checkTogether(flags)
  if (flags.has('topic-sizes') || flags.text('topic-sizes-output') !== undefined) {
    const { showTopicSizes } = await import('./topic-sizes.ts')
    return await showTopicSizes(flags, session)
  }
  if (flags.texts('restore-offsets').length > 0) {
    const { restoreOffsets } = await import('./restore-offsets.ts')
    return await restoreOffsets(flags, session)
  }
  if (flags.texts('offsets-from').length > 0) {
    const { scriptFromFiles } = await import('./script-from-files.ts')
    return await scriptFromFiles(flags, session)
  }
  const { describeCluster } = await import('./describe-cluster.ts')
  await describeCluster(flags, session)
}

const ofRestore = ['by-timestamp', 'go-on', 'no-snapshot', 'dry-run'] as const
const ofRestoreValues = ['to-datetime', 'out-of-range', 'snapshot-path', 'restore-report'] as const
const ofReport = [
  'output',
  'html',
  'dot',
  'recreate-script',
  'save-offsets',
  'restore-offsets-script',
  'since',
] as const

/** Throws USAGE for flags of which one would silently have no effect. */
function checkTogether(flags: Flags): void {
  const restores = flags.texts('restore-offsets').length > 0
  const sizes = flags.has('topic-sizes') || flags.text('topic-sizes-output') !== undefined
  const fromFiles = flags.texts('offsets-from').length > 0
  const given = ofReport.filter((name) => flags.text(name) !== undefined)
  if (!restores) {
    const lost = [
      ...ofRestore.filter((name) => flags.has(name)),
      ...ofRestoreValues.filter((name) => flags.text(name) !== undefined),
    ]
    if (lost[0] !== undefined) throw usage(`-${lost[0]} goes with -restore-offsets FILE`)
  }
  if (restores && (given[0] !== undefined || sizes || fromFiles)) {
    const other = given[0] ?? (sizes ? 'topic-sizes' : 'offsets-from')
    throw usage(`-restore-offsets and -${other} are two jobs`, 'Run kmap once for each.')
  }
  if (sizes && given[0] !== undefined) {
    throw usage(`-topic-sizes and -${given[0]} are two jobs`, 'Run kmap once for each.')
  }
  if (flags.text('topic-list') !== undefined && !sizes) throw usage('-topic-list goes with -topic-sizes')
  const saves = flags.text('save-offsets') !== undefined
  if (flags.texts('since').length > 0 && !saves) throw usage('-since goes with -save-offsets FILE')
  if (flags.has('timestamps') && !saves) throw usage('-timestamps goes with -save-offsets FILE')
  if (flags.has('by-timestamp') && flags.text('to-datetime') !== undefined) {
    throw usage('-by-timestamp and -to-datetime exclude each other')
  }
  if (fromFiles && flags.text('restore-offsets-script') === undefined) {
    throw usage('-offsets-from goes with -restore-offsets-script FILE')
  }
}
