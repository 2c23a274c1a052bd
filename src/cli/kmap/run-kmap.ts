import type { Session } from '../session.ts'
import { checkTogether, jobOf } from './check-flags.ts'
import { helpText } from './help-text.ts'
import { parseFlags } from './parse-flags.ts'

/** Runs one command line of `kmap`. What it loads is what it does: help and version need no client. */
export async function runKmap(argv: readonly string[], session: Session): Promise<void> {
  const flags = await parseFlags(argv)
  if (flags.has('help')) return session.out.write(helpText())
  if (flags.has('version')) {
    const { packageVersion } = await import('../../base/index.ts')
    return session.out.line(`kmap ${packageVersion()}`)
  }
  checkTogether(flags)
  switch (jobOf(flags)) {
    case 'sizes':
      return await (await import('./topic-sizes.ts')).showTopicSizes(flags, session)
    case 'restore':
      return await (await import('./restore-offsets.ts')).restoreOffsets(flags, session)
    case 'script':
      return await (await import('./script-from-files.ts')).scriptFromFiles(flags, session)
    case 'report':
      return await (await import('./describe-cluster.ts')).describeCluster(flags, session)
  }
}
