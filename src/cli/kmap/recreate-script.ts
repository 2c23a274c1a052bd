import { bashQuote } from '../../offsets/index.ts'
import type { ClusterReport, ReportedTopic } from './cluster-report.ts'
import { recreateEnd, recreateFunctions, recreateSettings } from './recreate-runner.ts'

const topicName = /^[A-Za-z0-9._-]{1,249}$/

/** Settings that name brokers of the source, or storage that the target may not have. */
const ofSource =
  /^(leader|follower)\.replication\.throttled\.replicas$|^remote\.|^local\.retention\.|^confluent\./

/**
 * A bash script that creates the topics of a cluster on another one with Kafka's own `kafka-topics.sh`: partitions, replication as
 * far as the target has brokers, and the settings that were made on the topics themselves.
 */
export function recreateScript(report: ClusterReport): string {
  const topics = report.topics.filter(({ name }) => !name.startsWith('__') && topicName.test(name))
  const servers = report.addresses.join(',')
  const lines = [
    '#!/bin/bash',
    `# Creates ${topics.length} topic${topics.length === 1 ? '' : 's'}`,
    `# Saved: ${new Date(report.taken).toISOString().replace(/\.\d+Z$/, 'Z')}`,
    `# Source: ${bashQuote(servers)} (cluster ${bashQuote(report.clusterId)})`,
    '#',
    '# Usage: recreate-topics.sh [--dry-run]',
    '#   --dry-run   show what would be done, change nothing',
    '#',
    '# Topics that exist are left as they are, their settings too. It goes on after a failure and ends with a tally.',
    '# Exit status: 0 every topic is there, with at least the partitions of the source; 1 some are not; 2 it could not begin.',
    '',
    recreateSettings(/^[A-Za-z0-9_.:,[\]-]+$/.test(servers) ? servers : ''),
    `total=${topics.length}`,
    '',
    recreateFunctions,
    '',
    ...topics.flatMap(topicLines),
    recreateEnd,
  ]
  return `${lines.join('\n')}\n`
}

function topicLines({ name, partitions, replicationFactor, configs }: ReportedTopic): readonly string[] {
  const settings = Object.entries(configs).sort(([a], [b]) => (a < b ? -1 : 1))
  const left = settings.filter(([key, value]) => !isSendable(key, value))
  const sent = settings.filter(([key, value]) => isSendable(key, value))
  const words = sent.map(([key, value]) => bashQuote(`${key}=${value}`))
  return [
    ...left.map(([key]) => `# ${name}: ${key} belongs to the source cluster and is not set`),
    [`topic ${bashQuote(name)} ${partitions} ${replicationFactor}`, ...words].join(' \\\n  '),
  ]
}

/** The tool splits at the sign and takes neither a second one nor an empty value. */
function isSendable(key: string, value: string): boolean {
  return !ofSource.test(key) && value !== '' && !/[=\p{Cc}]/u.test(value)
}
