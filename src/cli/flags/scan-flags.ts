import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { ScanOptions } from '../../offsets/index.ts'

export interface ScanFlags {
  readonly sourceCluster?: string
  readonly topicMapping?: string
  readonly scanAllPartitions?: boolean
  readonly parallelConsumers?: string
  readonly sampleRate?: string
  readonly timeoutSecs?: string
}

/** How the headers of live topics are scanned. */
export function addScanFlags(command: Command): Command {
  return command
    .option(
      '--source-cluster <name>',
      'the source as headers name it; records of other clusters are left out',
    )
    .option('--topic-mapping <from=to,…>', 'what topics of the source are called here: headers do not say it')
    .option('--scan-all-partitions', 'records may have found new partitions')
    .option('--parallel-consumers <n>', 'partitions read at once (default: 10)')
    .option('--sample-rate <share>', 'share of the log to read, up to 1; below it positions are rounded down')
    .option('--timeout-secs <n>', 'seconds for the whole scan (default: 3600)')
}

/** The flags as options of a scan. Throws USAGE. */
export function scanOptions(
  flags: ScanFlags,
): Pick<ScanOptions, 'scanAllPartitions' | 'parallel' | 'sampleRate' | 'timeoutMs'> {
  const { parallelConsumers: parallel, sampleRate, timeoutSecs } = flags
  return {
    ...(flags.scanAllPartitions && { scanAllPartitions: true }),
    ...(parallel !== undefined && { parallel: numberOf(parallel, '--parallel-consumers', /^[1-9]\d{0,8}$/) }),
    ...(sampleRate !== undefined && {
      sampleRate: numberOf(sampleRate, '--sample-rate', /^(0?\.\d*[1-9]\d*|1(\.0*)?)$/),
    }),
    ...(timeoutSecs !== undefined && {
      timeoutMs: 1000 * numberOf(timeoutSecs, '--timeout-secs', /^(?=.*[1-9])\d{1,9}(\.\d+)?$/),
    }),
  }
}

function numberOf(text: string, flag: string, form: RegExp): number {
  if (form.test(text)) return Number(text)
  const wanted = flag === '--sample-rate' ? 'a number above 0 and at most 1' : 'a number above 0'
  throw new TidemarkError('USAGE', `${flag} needs ${wanted}, got ${JSON.stringify(text)}`)
}

/** `orders=dr-orders,…` by source topic. Throws USAGE for anything else, and where two become one. */
export function topicMappingOf(text: string | undefined): ReadonlyMap<string, string> {
  const mapping = new Map<string, string>()
  for (const pair of text === undefined ? [] : text.split(',')) {
    const [from = '', to = '', ...rest] = pair.split('=')
    if (from === '' || to === '' || rest.length > 0) {
      throw new TidemarkError('USAGE', `--topic-mapping needs source=target,…, got ${JSON.stringify(pair)}`)
    }
    const twice = mapping.has(from) ? from : [...mapping.values()].includes(to) ? to : undefined
    if (twice !== undefined) {
      throw new TidemarkError('USAGE', `--topic-mapping names the topic ${JSON.stringify(twice)} twice`)
    }
    mapping.set(from, to)
  }
  return mapping
}
