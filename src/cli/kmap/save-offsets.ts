import { firstFew, TidemarkError } from '../../base/index.ts'
import type { CapturedOffsets, OffsetsFile } from '../../offsets/index.ts'
import { lineOfError } from '../render/error-text.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import type { Flags } from './parse-flags.ts'
import { type GroupChoice, readSaved, sizeText } from './saved-files.ts'

export interface SaveOrder {
  /** What a differential file builds on. */
  readonly base: OffsetsFile | undefined
  readonly choice: GroupChoice
  readonly flags: Flags
}

/**
 * Writes what was captured, as the flags ask: all of it, what changed, a script. Rejects with GROUP_NOT_FOUND where no group is as
 * chosen, and with SNAPSHOT_EMPTY where a file of positions would be replaced by one without any.
 */
export async function saveOffsets(
  captured: CapturedOffsets,
  { base, choice, flags }: SaveOrder,
  session: Session,
): Promise<void> {
  const { offsetsSince, offsetsToJson } = await import('../../offsets/index.ts')
  const target = flags.text('save-offsets')
  if (base === undefined && captured.file.groups.length === 0) {
    await refuseEmpty(captured, choice, target, session)
  }
  warn(captured, session)
  if (base !== undefined && base.cluster !== captured.file.cluster) {
    session.log(
      'warn',
      `What -since names was saved at ${base.cluster || 'an unknown cluster'}, this is ${captured.file.cluster}`,
    )
  }
  const missing = sayMissing(captured, choice, session)
  // What could not be read is not gone.
  const unread = new Set([...captured.failed.map(({ item }) => item), ...captured.share])
  const known = (group: string) => choice.wanted(group) && !unread.has(group)
  const file = base === undefined ? captured.file : offsetsSince(base, captured.file, known)
  if (target !== undefined) {
    await writeTextFile(target, [offsetsToJson(file)])
    const gone = file.removed.length > 0 ? `, ${plural(file.removed.length, 'position')} gone` : ''
    session.out.line(`${target}: ${await sizeText(file)}${base ? ' changed' : ''}${gone}`)
  }
  const script = flags.text('restore-offsets-script')
  if (script !== undefined) await writeScript(script, captured.file, captured, session)
  if (missing) session.status = 3
}

/** Nothing was captured: an error unless that can be all there is. */
async function refuseEmpty(
  { failed }: CapturedOffsets,
  { patterns }: GroupChoice,
  target: string | undefined,
  session: Session,
): Promise<void> {
  const [failure] = failed
  if (failure) throw failure.error
  if (patterns.length > 0) {
    throw new TidemarkError('GROUP_NOT_FOUND', `No group with positions matches ${patterns.join(', ')}`, {
      hint: 'Brokers leave out groups that the principal may not describe.',
    })
  }
  const before = target === undefined ? 0 : await groupsIn(target)
  const rights = 'Check address and rights: brokers leave out groups that the principal may not describe.'
  if (before > 0) {
    throw new TidemarkError(
      'SNAPSHOT_EMPTY',
      `No group has positions, and ${target} holds those of ${plural(before, 'group')}: it is left as it is`,
      { hint: `${rights} If there really are none any more, remove the file or name another.` },
    )
  }
  session.log('warn', `No group has positions. ${rights}`)
}

/** Groups in a file of positions that is there already; 0 when it is none. */
async function groupsIn(target: string): Promise<number> {
  try {
    return (await readSaved([target])).groups.length
  } catch {
    return 0
  }
}

function sayMissing(
  { file, failed, share }: CapturedOffsets,
  { named }: GroupChoice,
  session: Session,
): boolean {
  const known = new Set([
    ...file.groups.map(({ group }) => group),
    ...failed.map(({ item }) => item),
    ...share,
  ])
  const missing = named.filter((name) => !known.has(name))
  for (const name of missing) session.log('error', `The group ${printable(name)} has no positions`)
  return missing.length > 0
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
  const say = (level: 'info' | 'warn', groups: readonly string[], one: string, several: string) => {
    if (groups.length === 0) return
    const what = groups.length === 1 ? one : several
    session.log(level, `${plural(groups.length, 'group')} ${what}: ${firstFew(groups.map(printable))}`)
  }
  say(
    'warn',
    active.map(({ group }) => group),
    'has consumers, and reads on meanwhile',
    'have consumers, and read on meanwhile',
  )
  const untold = 'of type share, of which these brokers do not tell the start offsets,'
  say('info', share, `${untold} is left out`, `${untold} are left out`)
  say('info', empty, 'without positions is left out', 'without positions are left out')
  const undecided = 'a commit in an open transaction, and the last decided one is saved'
  say('warn', unstable, `has ${undecided}`, `have ${undecided}`)
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
  if (failed.length > 0 || unmeasured !== undefined || untimed.length > 0) session.status = 3
}
