import { isTranslationMark } from '../plan/mark.ts'
import type { Plan, PlanEntry, PlanOrigin } from '../plan/plan.ts'
import { bashQuote } from './bash-quote.ts'
import { guard, runner, settings, tail } from './script-runner.ts'

export interface ScriptOptions {
  /** Addresses that the script uses unless `BOOTSTRAP_SERVERS` says otherwise. */
  readonly bootstrapServers: string
}

/**
 * A bash script that makes a plan true with Kafka's own `kafka-consumer-groups.sh`. It goes on after a
 * failure, ends with a tally, and exits 0 only when every position is where the plan wants it: the tool's
 * exit status says nothing, and an offset outside the log is moved by the tool without a word, so the script
 * reads what the tool says it has set.
 */
export function resetScript(plan: Plan, options: ScriptOptions): string {
  const commands = plan.entries.filter(isCommand)
  const refused = plan.entries.filter(({ action }) => action === 'REFUSE')
  const lines = [
    ...head(plan, options),
    `steps=${commands.length + refused.length}`,
    runner,
    ...[...Map.groupBy(plan.entries, ({ group }) => group)].flatMap(([group, entries]) => [
      '',
      `# Consumer group ${bashQuote(group)}`,
      ...entries.flatMap((entry) => ['', ...commandLines(entry)]),
    ]),
    '',
    tail,
  ]
  return `${lines.join('\n')}\n`
}

/**
 * Positions that are there already are set as well: the script may be run when they are not any more. Those that are the group's own,
 * translated before, are not: it reads on from them.
 */
function isCommand(entry: PlanEntry): entry is PlanEntry & { readonly target: bigint } {
  const { action, kind, target } = entry
  return (action === 'SET' || (action === 'KEEP' && kind !== 'translated')) && target !== undefined
}

function head(plan: Plan, { bootstrapServers }: ScriptOptions): string[] {
  const kept = plan.entries.filter(
    ({ metadata, action }) => action !== 'SKIP' && (metadata ?? '') !== '' && !isTranslationMark(metadata),
  )
  return [
    '#!/bin/bash',
    `# Offset reset script for ${originText(plan.origin)}`,
    `# Generated: ${new Date(plan.created).toISOString().replace(/\.\d+Z$/, 'Z')}`,
    `# For cluster: ${bashQuote(plan.clusterId)}`,
    '',
    '# Stop consumers before running this script!',
    '#',
    '# It goes on after a failure and ends with a tally; exit status 0 means that every position is set.',
    '# Environment: BOOTSTRAP_SERVERS (another address), KAFKA_CONSUMER_GROUPS (where the tool is),',
    '# COMMAND_CONFIG (a properties file, or options such as "--command-config FILE"), DRY_RUN=1 (changes nothing).',
    ...(kept.length === 0
      ? []
      : [
          `# The tool cannot set commit metadata: the applications' own, in ${kept.length} of the positions below, is lost.`,
          '# "kafka-backup offset-reset execute" keeps it.',
        ]),
    '',
    guard,
    `[ -n "$BOOTSTRAP_SERVERS" ] || BOOTSTRAP_SERVERS=${bashQuote(bootstrapServers)}`,
    settings,
  ]
}

function originText(origin: PlanOrigin): string {
  switch (origin.type) {
    case 'backup':
      return `backup: ${bashQuote(origin.backupId)}`
    case 'file':
      return `file: ${bashQuote(origin.file)}`
    case 'snapshot':
      return `snapshot: ${bashQuote(origin.snapshotId)}`
    case 'source':
      return `the positions on the source cluster ${bashQuote(origin.clusterId)}`
    case 'target':
      return 'the positions on the cluster itself'
    case 'groups':
      return origin.from === undefined ? 'groups' : `group: ${bashQuote(origin.from)}`
  }
}

function commandLines(entry: PlanEntry): string[] {
  const { group, topic, partition, action, reason } = entry
  const place = bashQuote(`${topic}:${partition}`)
  const note = reason === '' ? [] : [`# ${oneLine(reason)}`]
  if (isCommand(entry)) {
    if (entry.type === 'share')
      return [cannotLine(entry, 'no tool of Kafka sets single offsets of a share group')]
    if (group.includes('\0')) return [cannotLine(entry, 'its name cannot be an argument of a command')]
    return [
      ...note,
      'kafka-consumer-groups --bootstrap-server "$BOOTSTRAP_SERVERS" \\',
      `  --group ${bashQuote(group)} \\`,
      `  --topic ${place} \\`,
      `  --reset-offsets --to-offset ${entry.target} --execute`,
    ]
  }
  if (action === 'REFUSE') return [cannotLine(entry, reason)]
  return [`# ${place} is not set: ${oneLine(reason)}`]
}

function cannotLine({ group, topic, partition }: PlanEntry, reason: string): string {
  return `cannot ${[group.replaceAll('\0', '\\0'), `${topic}:${partition}`, reason].map(bashQuote).join(' ')}`
}

/** Text for a comment: what ends a line there would let the rest be run. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
