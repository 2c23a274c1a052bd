import type { CapturedGroup } from '../../archive/index.ts'
import { parseNamePattern, TidemarkError } from '../../base/index.ts'
import type { GivenGroup, GivenPositions } from '../given/given-positions.ts'
import type { PlanNotice } from './plan.ts'

/** Which groups: every one, or those named (names, globs, `~regex`). */
export type GroupSelection =
  | { readonly type: 'all' }
  | { readonly type: 'named'; readonly names: readonly string[] }

export interface SelectedGroups<Group extends GivenGroup = CapturedGroup> {
  readonly groups: readonly Group[]
  readonly notices: readonly PlanNotice[]
}

/**
 * The groups that a selection means, in the order asked for. Throws GROUP_NOT_FOUND when a group
 * named by its exact name was not captured or has no positions, and when nothing was ever captured: to be
 * called before anything is changed. Everything else that is left out is in the notices.
 */
export function selectGroups<Group extends GivenGroup>(
  capture: GivenPositions<Group> | undefined,
  selection: GroupSelection,
): SelectedGroups<Group> {
  if (capture === undefined) {
    throw new TidemarkError('GROUP_NOT_FOUND', 'The backup holds no positions of consumer groups', {
      hint: 'They are captured by each backup run unless that is turned off; without them no group can be set.',
    })
  }
  const chosen = new Map<string, Group>()
  const notices: PlanNotice[] = []
  if (selection.type === 'all') {
    for (const { group, error } of capture.failed) notices.push(captureFailed(group, error))
    for (const group of capture.groups) choose(group)
    return { groups: [...chosen.values()], notices }
  }
  const missing: TidemarkError[] = []
  for (const name of selection.names) {
    const pattern = parseNamePattern(name)
    const found = capture.groups.filter(({ group }) => pattern.matches(group))
    const failed = capture.failed.filter(({ group }) => pattern.matches(group))
    if (pattern.literal) {
      const [only] = found
      if (only && hasPositions(only)) choose(only)
      else missing.push(notFound(name, only, failed[0]?.error, capture))
      continue
    }
    for (const { group, error } of failed) notices.push(captureFailed(group, error))
    for (const group of found) choose(group)
    if (found.length + failed.length === 0) {
      notices.push({
        code: 'no-match',
        message: `No consumer group with positions matches ${JSON.stringify(name)}`,
      })
    }
  }
  const [first, ...more] = missing
  if (first) {
    const names = missing.map(({ details }) => details.group)
    throw more.length === 0
      ? first
      : new TidemarkError(
          'GROUP_NOT_FOUND',
          `${first.message}; nor are positions known of ${names
            .slice(1)
            .map((n) => `'${n}'`)
            .join(', ')}`,
          {
            ...(first.hint !== undefined && { hint: first.hint }),
            details: { ...first.details, groups: names },
          },
        )
  }
  return { groups: [...chosen.values()], notices }

  function choose(group: Group): void {
    if (chosen.has(group.group)) return
    if (hasPositions(group)) chosen.set(group.group, group)
    else notices.push(withoutPositions(group))
  }
}

function hasPositions(group: GivenGroup): boolean {
  return group.positions.some(({ offset }) => offset >= 0n)
}

function captureFailed(group: string, error: string): PlanNotice {
  return {
    code: 'capture-failed',
    group,
    message: `The positions of consumer group '${group}' could not be read: ${error}`,
  }
}

function withoutPositions({ group, type }: GivenGroup): PlanNotice {
  return type === 'share'
    ? {
        code: 'share-group',
        group,
        message: `Share group '${group}' has no start offsets`,
      }
    : {
        code: 'no-positions',
        group,
        message: `Consumer group '${group}' has no positions`,
      }
}

function notFound(
  name: string,
  captured: GivenGroup | undefined,
  failure: string | undefined,
  capture: GivenPositions,
): TidemarkError {
  const message =
    failure !== undefined
      ? captureFailed(name, failure).message
      : captured
        ? withoutPositions(captured).message
        : `Consumer group '${name}' not found`
  return new TidemarkError('GROUP_NOT_FOUND', message, {
    details: { group: name },
    hint:
      capture.groups.length === 0
        ? 'Check the name and the address; `kafka-backup groups list` lists the groups of a cluster.'
        : `${capture.groups.length === 1 ? '1 group was' : `${capture.groups.length} groups were`} looked at, as of ${new Date(capture.taken).toISOString()}; check the name, or leave the group out.`,
  })
}
