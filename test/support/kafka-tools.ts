import { spawn } from 'node:child_process'
import { type KafkaVersion, kafkaJars } from './kafka-jars.ts'

/** Kafka's own command-line tools: the neutral judges. */
export const kafkaTools = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  configs: 'kafka.admin.ConfigCommand',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  consoleConsumer: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  consoleShareConsumer: 'org.apache.kafka.tools.consumer.ConsoleShareConsumer',
  consoleProducer: 'org.apache.kafka.tools.ConsoleProducer',
  producerPerformance: 'org.apache.kafka.tools.ProducerPerformance',
  consumerPerformance: 'org.apache.kafka.tools.ConsumerPerformance',
  dumpLogSegments: 'kafka.tools.DumpLogSegments',
  getOffsets: 'org.apache.kafka.tools.GetOffsetShell',
  deleteRecords: 'org.apache.kafka.tools.DeleteRecordsCommand',
  reassign: 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  leaderElection: 'org.apache.kafka.tools.LeaderElectionCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  logDirs: 'org.apache.kafka.tools.LogDirsCommand',
  acls: 'org.apache.kafka.tools.AclCommand',
} as const

export interface ToolResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ToolOptions {
  /** @default '4.2.0' */
  readonly version?: KafkaVersion
  /** Text for standard input. */
  readonly input?: string
  readonly signal?: AbortSignal
}

/** Runs one of Kafka's tools to its end, whatever its exit status. */
export async function runKafkaTool(
  tool: keyof typeof kafkaTools,
  toolArguments: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const jars = await kafkaJars(options.version ?? '4.2.0')
  const jvm = [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ]
  const child = spawn('java', [...jvm, '-cp', `${jars}/*`, kafkaTools[tool], ...toolArguments], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal }),
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => out.push(data))
  child.stderr.on('data', (data: Buffer) => err.push(data))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
}

/** Runs a tool that must succeed; its standard output. */
export async function kafkaTool(
  tool: keyof typeof kafkaTools,
  toolArguments: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const result = await runKafkaTool(tool, toolArguments, options)
  if (result.code !== 0) {
    throw new Error(`${kafkaTools[tool]} ended with ${result.code}: ${result.stderr || result.stdout}`)
  }
  return result.stdout
}
