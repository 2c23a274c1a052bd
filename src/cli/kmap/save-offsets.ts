import type { CapturedOffsets } from '../../offsets/index.ts'
import { lineOfError } from '../render/error-text.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import type { Flags } from './parse-flags.ts'
import { chosenGroups, readSaved, sizeText } from './saved-files.ts'

/** Writes what was captured, as the flags ask: all of it, what changed, a script. */
export async function saveOffsets(
  captured: CapturedOffsets,
  wanted: (group: string) => boolean,
  flags: Flags,
  session: Session,
): Promise<void> {
  const { offsetsSince, offsetsToJson } = await import('../../offsets/index.ts')
  const since = flags.texts('since')
  const file =
    since.length === 0 ? captured.file : offsetsSince(await readSaved(since, session), captured.file, wanted)
  warn(captured, session)
  const target = flags.text('save-offsets')
  if (target) {
    await writeTextFile(target, [offsetsToJson(file)])
    const gone = file.removed.length > 0 ? `, ${plural(file.removed.length, 'position')} gone` : ''
    session.out.line(`${target}: ${await sizeText(file)}${since.length > 0 ? ' changed' : ''}${gone}`)
  }
  const script = flags.text('restore-offsets-script')
  if (script) await writeScript(script, chosenGroups(captured.file, wanted), captured, session)
}

/** Writes a script that sets the positions of a file; everything that the file means, not only what changed in it. */
export async function writeScript(
  name: string,
  file: CapturedOffsets['file'],
  captured: Pick<CapturedOffsets, 'active'> | undefined,
  session: Session,
): Promise<void> {
  const { restoreScript } = await import('../../offsets/index.ts')
  const active = captured?.active.map(({ group }) => group) ?? []
  await writeTextFile(name, [restoreScript(file, { active })], 0o755)
  session.out.line(`${name}: script for ${await sizeText(file)}`)
}

/** Everything that the reader should know before relying on the file. */
function warn(captured: CapturedOffsets, session: Session): void {
  const { active, empty, share, unstable, failed, unmeasured, untimed } = captured
  const several = (count: number, groups: readonly string[], what: string) =>
    `${plural(count, 'group')} ${what}: ${named(groups)}`
  if (active.length > 0) {
    const names = active.map(({ group }) => group)
    session.log('warn', several(active.length, names, 'have consumers, and read on meanwhile'))
  }
  if (share.length > 0)
    session.log(
      'info',
      several(
        share.length,
        share,
        'of type share are left out: these brokers do not tell their start offsets',
      ),
    )
  if (empty.length > 0) session.log('info', several(empty.length, empty, 'without positions are left out'))
  if (unstable.length > 0) {
    session.log(
      'warn',
      several(
        unstable.length,
        unstable,
        'have a commit in an open transaction: the last decided one is saved',
      ),
    )
  }
  if (unmeasured !== undefined) session.log('warn', `No lag is known: ${lineOfError(unmeasured)}`)
  const [first] = untimed
  if (first !== undefined) {
    session.log(
      'warn',
      `The times of ${plural(untimed.length, 'position')} are not known: ${lineOfError(first)}`,
    )
  }
  for (const { item, error } of failed) {
    session.log('error', `The positions of group ${printable(item)} could not be read: ${lineOfError(error)}`)
  }
  if (failed.length > 0) session.status = 3
}

function named(groups: readonly string[]): string {
  const shown = groups.slice(0, 10).map(printable).join(', ')
  return groups.length > 10 ? `${shown} and ${groups.length - 10} more` : shown
}
