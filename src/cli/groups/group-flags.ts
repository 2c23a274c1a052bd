import type { Command } from 'commander'
import { type NamePattern, TidemarkError } from '../../base/index.ts'
import { clientPropertiesKey, type Override } from '../../config/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { addClusterFlags, type ClusterFlags } from '../flags/cluster-flags.ts'
import { splitPatterns } from '../flags/name-list.ts'
import { required } from '../flags/required.ts'
import { collect } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import type { RunFlags, Session } from '../session.ts'

/** Which cluster, and what is shown: every command of `groups` has them. */
export interface GroupFlags extends ClusterFlags, RunFlags {
  readonly config?: string
}

export function addGroupFlags(command: Command): Command {
  command.option('-c, --config <file>', 'YAML file whose `target` is the cluster')
  return addRunFlags(addClusterFlags(command))
}

/** `-g, --groups`. */
export interface ChosenGroups {
  readonly groups?: readonly string[]
}

export function addGroupChoice(command: Command, otherwise = 'all without it'): Command {
  return command.option(
    '-g, --groups <a,b,…>',
    `groups: names, globs or ~regex; may be given several times; ${otherwise}`,
    collect,
  )
}

/** The patterns of `--groups`; a regular expression keeps its commas. Throws USAGE where a value holds none. */
export async function patternsOf({ groups = [] }: ChosenGroups): Promise<readonly NamePattern[]> {
  const { parseNamePattern } = await import('../../base/index.ts')
  return splitPatterns(groups, '--groups').map(parseNamePattern)
}

/** A second cluster, to be looked at beside the first. */
export interface SourceFlags {
  readonly sourceBootstrapServers?: string
  readonly sourceCommandConfig?: string
}

export function addSourceFlags(command: Command): Command {
  return command
    .option(
      '--source-bootstrap-servers <host:port,…>',
      'a second cluster, shown beside the first as its source',
    )
    .option('--source-command-config <file>', 'its client.properties; may name its bootstrap.servers as well')
}

/** Connects to the second cluster, where one is named. */
export async function connectSource(
  flags: SourceFlags,
  { signal, telemetry }: Session,
): Promise<Cluster | undefined> {
  const given: readonly (readonly [string | undefined, string, string])[] = [
    [flags.sourceCommandConfig, '--source-command-config', clientPropertiesKey],
    [flags.sourceBootstrapServers, '--source-bootstrap-servers', 'bootstrap_servers'],
  ]
  const overrides = given.flatMap(([value, flag, key]): readonly Override[] =>
    value === undefined ? [] : [{ path: ['source', key], value, flag }],
  )
  if (overrides.length === 0) return undefined
  const { loadConfig } = await import('../../config/index.ts')
  const { connectCluster } = await import('../../kafka/index.ts')
  const config = loadConfig({ needs: ['source'], overrides })
  return await connectCluster(required(config.source, '--source-bootstrap-servers'), { signal, telemetry })
}

/** A time such as `90s`, `15m` or `6h` in ms. Throws USAGE. */
export async function durationOf(text: string, flag: string): Promise<number> {
  const { parseDuration } = await import('../../config/index.ts')
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return ms
  throw new TidemarkError('USAGE', `${flag} needs a time, got ${JSON.stringify(text)}`, {
    hint: 'Write for example 90s, 15m or 6h.',
  })
}
