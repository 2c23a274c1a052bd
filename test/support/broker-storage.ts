import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startJavaClient } from './java-client.ts'
import { quickJava } from './java-programs.ts'
import { cacheFolder, type KafkaVersion } from './kafka-jars.ts'

const run = promisify(execFile)
const storageTool = 'kafka.tools.StorageTool'

/** A Kafka UUID: 16 random bytes, URL-safe base64, not starting with a dash. */
export function kafkaUuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url')
    if (!text.startsWith('-')) return text
  }
}

/** A client user made when storage is formatted, for example `SCRAM-SHA-256=[name=alice,password=secret]`. */
export interface FormatOptions {
  readonly version: KafkaVersion
  readonly logs: string
  readonly properties: string
  readonly clusterId: string
  readonly nodeId: number
  readonly scram: readonly string[]
}

/**
 * Formats a node's storage. A JVM for each would cost seconds, so one formatted folder a version is kept, and its
 * copy gets node, directory and cluster ids of its own.
 */
export async function formatStorage(options: FormatOptions): Promise<void> {
  if (options.scram.length > 0) {
    await format(options.version, options.properties, options.clusterId, options.scram)
    return
  }
  await cp(await template(options.version), options.logs, { recursive: true })
  const file = join(options.logs, 'meta.properties')
  const text = (await readFile(file, 'utf8'))
    .replace(/^node\.id=.*$/m, `node.id=${options.nodeId}`)
    .replace(/^cluster\.id=.*$/m, `cluster.id=${options.clusterId}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${kafkaUuid()}`)
  await writeFile(file, text)
}

const templates = new Map<KafkaVersion, Promise<string>>()

function template(version: KafkaVersion): Promise<string> {
  const known = templates.get(version)
  if (known) return known
  const made = makeTemplate(version)
  templates.set(version, made)
  return made
}

async function makeTemplate(version: KafkaVersion): Promise<string> {
  const target = join(cacheFolder(), `format-${version}`)
  const present = await access(join(target, 'meta.properties')).then(
    () => true,
    () => false,
  )
  if (present) return target
  await mkdir(cacheFolder(), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), '.format-'))
  try {
    const logs = join(work, 'logs')
    const properties = join(work, 'server.properties')
    await writeFile(
      properties,
      [
        'process.roles=broker,controller',
        'node.id=1',
        'controller.quorum.voters=1@127.0.0.1:1',
        'controller.listener.names=CONTROLLER',
        'listeners=CONTROLLER://127.0.0.1:1,PLAINTEXT://127.0.0.1:2',
        `log.dirs=${logs}`,
      ].join('\n'),
    )
    await format(version, properties, kafkaUuid(), [])
    await rename(logs, target).catch(() => {})
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function format(
  version: KafkaVersion,
  properties: string,
  clusterId: string,
  scram: readonly string[],
): Promise<void> {
  const users = scram.flatMap((user) => ['--add-scram', user])
  const words = ['format', '-t', clusterId, '-c', properties, ...users]
  if (version !== '4.2.0') {
    await run('java', [...(await quickJava(version, '200m')), storageTool, ...words], { maxBuffer: 1 << 24 })
    return
  }
  await using java = await startJavaClient()
  const { code, stdout, stderr } = await java.tool(storageTool, words)
  if (code !== 0) throw new Error(`The storage of a broker was not formatted: ${stderr}${stdout}`)
}
