import { type Flag, flagSections } from './flag-table.ts'

const left = 36

/** What `kmap -help` prints. */
export function helpText(): string {
  const lines = [
    'Usage: kmap [flags]',
    '',
    'Reports on a Kafka cluster, and saves and restores the positions of its consumer groups.',
    'Flags are written -name value or -name=value; two hyphens are understood too.',
  ]
  for (const { title, flags } of flagSections) {
    lines.push('', `${title}:`, ...(flags as readonly Flag[]).map(flagLine))
  }
  lines.push('', examples, '', statuses)
  return `${lines.join('\n')}\n`
}

function flagLine({ name, value, help, repeated }: Flag): string {
  const shown = `  -${name}${value === undefined ? '' : ` ${value}`}${repeated ? ' …' : ''}`
  return shown.length < left - 1 ? shown.padEnd(left) + help : `${shown}\n${' '.repeat(left)}${help}`
}

const examples = `\
Examples:
  kmap -brokers kafka:9092                                         report: JSON and HTML
  kmap -brokers kafka:9092 -save-offsets offsets.json -restore-offsets-script restore.sh
  kmap -brokers kafka:9092 -save-offsets monday.json -since full.json -groups 'billing-*'
  kmap -brokers dr:9092 -restore-offsets offsets.json -dry-run     check against the target
  kmap -brokers dr:9092 -restore-offsets offsets.json              set them`

const statuses = `\
Exit status:
  0    done
  1    failed
  2    usage, configuration, or the cluster cannot be reached
  3    partly done
  4    refused: active group, position outside the log
  130  interrupted`
