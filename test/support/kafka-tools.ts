import { spawn } from 'node:child_process'
import { type JavaClient, startJavaClient } from './java-client.ts'
import { quickJava } from './java-programs.ts'
import type { KafkaVersion } from './kafka-jars.ts'

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

/** Tools that ask and change, and end by themselves: they need no JVM of their own. */
const brief: ReadonlySet<keyof typeof kafkaTools> = new Set([
  ...(['topics', 'configs', 'groups', 'dumpLogSegments', 'getOffsets', 'deleteRecords'] as const),
  ...(['reassign', 'leaderElection', 'transactions', 'logDirs', 'acls'] as const),
])

let host: Promise<JavaClient> | undefined

/** The session in which brief tools run, one for this process; it ends with it. */
async function toolHost(): Promise<JavaClient> {
  host ??= startJavaClient().then((java) => {
    java.unref()
    return java
  })
  return await host
}

/** Runs one of Kafka's tools to its end, whatever its exit status. */
export async function runKafkaTool(
  tool: keyof typeof kafkaTools,
  toolArguments: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const version = options.version ?? '4.2.0'
  if (brief.has(tool) && version === '4.2.0' && options.signal === undefined)
    return await (await toolHost()).tool(kafkaTools[tool], toolArguments, options.input)
  const java = await quickJava(version, '256m')
  const child = spawn('java', [...java, kafkaTools[tool], ...toolArguments], {
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
