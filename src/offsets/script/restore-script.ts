import { type OffsetsFile, positionsOf, type SavedGroup, type SavedPosition } from '../file/offsets-file.ts'
import { isTranslationMark } from '../plan/mark.ts'
import { bashQuote } from './bash-quote.ts'
import { batching, reading, running, settings, tally } from './restore-runner.ts'

export interface RestoreScriptOptions {
  /** Groups that had consumers when the positions were read: named in a warning. */
  readonly active?: readonly string[]
}

/** Positions on one line of the script. */
const perLine = 8
const topicName = /^[A-Za-z0-9._-]{1,249}$/
const addresses = /^[A-Za-z0-9_.:,[\]-]+$/

/**
 * A bash script that gives groups the positions of a file, at the offsets saved, with Kafka's own `kafka-consumer-groups.sh`. The
 * tool exits 0 when it fails and moves an offset outside the log to its end without a word: so the script asks it for the logs'
 * ranges first, sends only what lies inside, and believes what the tool says it has set. It goes on after a failure, ends with
 * a tally, and exits 0 only when every position is set.
 */
export function restoreScript(file: OffsetsFile, options: RestoreScriptOptions = {}): string {
  const topics = [...new Set([...positionsOf(file)].map(([, topic]) => topic))].filter((topic) =>
    topicName.test(topic),
  )
  // Names of as many words beside each other: they can share a call of the tool.
  const groups = file.groups
    .filter(({ topics }) => topics.size > 0)
    .sort((a, b) => a.group.split(' ').length - b.group.split(' ').length)
  const probes = groups
    .filter(({ group, type }) => type !== 'share' && nameKind(group) !== 'impossible')
    .slice(0, 5)
  const lines = [
    ...head(file, groups, options),
    settings(addresses.test(file.cluster) ? file.cluster : ''),
    ...(groups.some(({ group }) => /[^\0-\x7f]/.test(group)) ? [utf8] : []),
    `total=${groups.length}`,
    `topics=(${topics.map(bashQuote).join(' ')})`,
    `probe_groups=(${probes.map(({ group }) => bashQuote(group)).join(' ')})`,
    '',
    running,
    '',
    reading,
    '',
    batching,
    '',
    'learn_ranges',
    ...groups.flatMap(groupLines),
    '',
    tally,
  ]
  return `${lines.join('\n')}\n`
}

/** Java takes names that are not ASCII only where the locale is UTF-8. */
const utf8 = `\
case "\${LC_ALL:-\${LC_CTYPE:-\${LANG:-}}}" in *[Uu][Tt][Ff]*8*) ;; *) export LC_ALL=C.UTF-8 ;; esac`

function head(file: OffsetsFile, groups: readonly SavedGroup[], { active = [] }: RestoreScriptOptions) {
  const kept = [...positionsOf(file)].filter(
    ([, , { metadata }]) => (metadata ?? '') !== '' && !isTranslationMark(metadata),
  ).length
  const named = active.slice(0, 20).map(bashQuote)
  return [
    '#!/bin/bash',
    `# Restores the positions of ${groups.length} consumer group${groups.length === 1 ? '' : 's'}`,
    `# Saved: ${new Date(file.taken).toISOString().replace(/\.\d+Z$/, 'Z')}`,
    `# Source: ${bashQuote(file.cluster)}`,
    '#',
    '# Usage: restore-offsets.sh [--dry-run] [--force]',
    '#   --dry-run   show what would be set, change nothing',
    '#   --force     set a position outside the log too: the tool moves it to the near end of the log.',
    '#               Kafka sets no position of a group that has members, whatever is asked: stop its consumers.',
    '#',
    '# Stop all consumers of these groups before running this script!',
    ...(active.length === 0
      ? []
      : [
          `# These groups had consumers when they were saved, and have read on since: ${named.join(' ')}${
            active.length > named.length ? ` and ${active.length - named.length} more` : ''
          }`,
        ]),
    ...(kept === 0
      ? []
      : [
          `# The tool cannot set commit metadata: the applications' own, in ${kept} of the positions, is lost.`,
          '# "kmap -restore-offsets FILE" keeps it.',
        ]),
    '#',
    '# It goes on after a failure and ends with a tally. Exit status: 0 every position is set, 1 some are not,',
    '# 2 it could not begin.',
    '',
  ]
}

function groupLines({ group, type, topics }: SavedGroup): readonly string[] {
  const kind = nameKind(group)
  const legal = [...topics].filter(([topic]) => topicName.test(topic))
  const illegal = [...topics].flatMap(([topic, positions]) =>
    topicName.test(topic) ? [] : positions.map((position) => [topic, position] as const),
  )
  const cannot = (topic: string, { partition, offset }: SavedPosition, reason: string) =>
    `cannot ${[`${topic}:${partition} -> ${offset}`, reason].map((word) => bashQuote(printable(word))).join(' ')}`
  if (kind === 'impossible' || type === 'share') {
    const reason =
      type === 'share'
        ? 'no tool of Kafka sets single offsets of a share group'
        : "Kafka's tool cannot be given a group with this name"
    return [
      '',
      `group ${bashQuote(printable(group))}`,
      ...[...topics].flatMap(([topic, positions]) =>
        positions.map((position) => cannot(topic, position, reason)),
      ),
    ]
  }
  return [
    '',
    `${kind === 'plain' ? 'group' : 'group_alone'} ${bashQuote(group)}`,
    ...legal.flatMap(([topic, positions]) => topicLines(topic, positions)),
    ...illegal.map(([topic, position]) => cannot(topic, position, 'no topic can have this name')),
  ]
}

function topicLines(topic: string, positions: readonly SavedPosition[]): readonly string[] {
  const lines: string[] = []
  for (let at = 0; at < positions.length; at += perLine) {
    const words = positions.slice(at, at + perLine).map(({ partition, offset }) => `${partition}:${offset}`)
    lines.push(`topic ${bashQuote(topic)} ${words.join(' ')}`)
  }
  return lines
}

/**
 * How a group can be handled: `plain` names can be told apart in the tool's table, `alone` ones need a call of their own, and a
 * line break or NUL fits neither an argument nor a line of CSV.
 */
function nameKind(group: string): 'plain' | 'alone' | 'impossible' {
  if (/[\p{Cc}\u2028\u2029]/u.test(group)) return 'impossible'
  return /^[!-~]+( [!-~]+)*$/.test(group) ? 'plain' : 'alone'
}

function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?')
}
