import type { CapturedOffsets } from '../../offsets/index.ts'
import { countText } from '../render/quantities.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import { reportDefaults } from './check-flags.ts'
import type { ClusterReport } from './cluster-report.ts'
import { connect } from './connection.ts'
import type { Flags } from './parse-flags.ts'
import { saveOffsets } from './save-offsets.ts'
import { groupChoice, readSaved } from './saved-files.ts'

/**
 * What kmap does unless told otherwise: save positions if asked (first, so that nothing after it can lose them), then describe the
 * cluster in the files that are wanted. An empty file name turns a report off.
 */
export async function describeCluster(flags: Flags, session: Session): Promise<void> {
  const choice = await groupChoice(flags.texts('groups'))
  const since = flags.texts('since')
  // Before anything is asked of the cluster: a file that cannot be read would be found too late.
  const base = since.length === 0 ? undefined : await readSaved(since, session)
  await using cluster = await connect(flags, session)
  const { captureOffsets } = await import('../../offsets/index.ts')
  const { signal, clock } = session
  let captured: CapturedOffsets | undefined
  if (flags.text('save-offsets') || flags.text('restore-offsets-script')) {
    const times = flags.has('timestamps')
    const named = [...choice.named, ...(base?.groups ?? []).map(({ group }) => group)]
    captured = await captureOffsets(cluster, {
      signal,
      now: clock.now(),
      wanted: choice.wanted,
      named,
      times,
    })
    await saveOffsets(captured, { base, choice, flags }, session)
  }
  const files = {
    json: flags.text('output') ?? reportDefaults.output ?? '',
    html: flags.text('html') ?? reportDefaults.html ?? '',
    dot: flags.text('dot') ?? '',
    recreate: flags.text('recreate-script') ?? '',
  }
  if (Object.values(files).every((name) => name === '')) return
  const all =
    captured !== undefined && flags.texts('groups').length === 0
      ? captured
      : await captureOffsets(cluster, { signal, now: clock.now() })
  const { gatherReport } = await import('./gather-report.ts')
  const { report, missing } = await gatherReport(cluster, all, session)
  await writeReports(report, files, session)
  session.out.write(summary(report))
  for (const sentence of missing) session.log('warn', sentence)
  if (missing.length > 0) session.status = 3
}

async function writeReports(
  report: ClusterReport,
  files: Readonly<Record<'json' | 'html' | 'dot' | 'recreate', string>>,
  session: Session,
): Promise<void> {
  const write = async (name: string, text: () => Promise<string>, what: string, mode?: number) => {
    if (name === '') return
    await writeTextFile(name, [await text()], mode)
    session.out.line(`${name}: ${what}`)
  }
  await write(
    files.json,
    async () => {
      const { reportObject } = await import('./cluster-report.ts')
      const { jsonText } = await import('../render/machine-formats.ts')
      return jsonText(reportObject(report))
    },
    'the cluster as JSON',
  )
  await write(
    files.html,
    async () => (await import('./html-report.ts')).htmlReport(report),
    'the cluster as a page',
  )
  await write(
    files.dot,
    async () => (await import('./dot-picture.ts')).dotPicture(report),
    'picture for Graphviz',
  )
  await write(
    files.recreate,
    async () => (await import('./recreate-script.ts')).recreateScript(report),
    'script that creates the topics',
    0o755,
  )
}

function summary(report: ClusterReport): string {
  const { brokers, topics, groups } = report
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0)
  const under = topics.reduce((sum, topic) => sum + topic.underReplicated, 0)
  return [
    '',
    `Brokers:         ${countText(brokers.length)}`,
    `Topics:          ${countText(topics.length)}`,
    `Partitions:      ${countText(partitions)}`,
    `Consumer groups: ${countText(groups.length)}`,
    ...(under === 0 ? [] : [`Under-replicated partitions: ${countText(under)}`]),
    '',
  ].join('\n')
}
