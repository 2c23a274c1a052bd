import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, exists, type KafkaVersion, kafkaJars } from './kafka-jars.ts'

const run = promisify(execFile)

const sources = ['TestHost.java', 'TestBroker.java', 'JavaClient.java', 'KafkaTool.java'].map(
  (name) => new URL(name, import.meta.url).pathname,
)

let compiled: Promise<string> | undefined

/** The jar of our Java programs, compiled against Kafka 4.2.0 once for each state of their sources. */
export function javaPrograms(): Promise<string> {
  compiled ??= compile()
  return compiled
}

async function compile(): Promise<string> {
  const [jars, texts, java] = await Promise.all([
    kafkaJars('4.2.0'),
    Promise.all(sources.map((file) => readFile(file))),
    javaIdentity(),
  ])
  const hash = createHash('sha256').update(java)
  for (const text of texts) hash.update(text)
  const target = join(cacheFolder(), `java-programs-${hash.digest('hex').slice(0, 16)}.jar`)
  if (await exists(target)) return target
  await mkdir(cacheFolder(), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), '.java-programs-'))
  try {
    const classes = join(work, 'classes')
    const against = (await readdir(jars)).map((name) => join(jars, name)).join(delimiter)
    await run('java', [
      ...['-m', 'jdk.compiler/com.sun.tools.javac.Main', '-encoding', 'UTF-8'],
      ...['-cp', against, '-d', classes, ...sources],
    ])
    const jar = join(work, 'programs.jar')
    await run('java', ['-m', 'jdk.jartool/sun.tools.jar.Main', '--create', '--file', jar, '-C', classes, '.'])
    // Several test processes may compile at once: the last rename wins, and all are alike.
    await rename(jar, target)
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Classpath for brokers, Kafka's tools and, of 4.2.0, our programs. */
async function classPath(version: KafkaVersion): Promise<string> {
  const jars = `${await kafkaJars(version)}/*`
  return version === '4.2.0' ? [await javaPrograms(), jars].join(delimiter) : jars
}

/** File in which the classes of a version are kept, ready for use by a JVM (class data sharing). */
export async function classArchive(version: KafkaVersion): Promise<string> {
  const key = createHash('sha256').update(`${await javaIdentity()} ${await classPath(version)}`)
  return join(cacheFolder(), `classes-${version}-${key.digest('hex').slice(0, 16)}.jsa`)
}

/**
 * The beginning of a `java` command line that starts quickly and stays small. Reads the classes ready-made where
 * they have been kept (`keepClasses`): that spares a third of the CPU of a start.
 */
export async function quickJava(version: KafkaVersion, heap: string): Promise<string[]> {
  const archive = await classArchive(version)
  return [
    ...[`-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    // An archive that does not fit is passed over; that must not be told on the standard output of a tool.
    ...((await exists(archive)) ? [`-XX:SharedArchiveFile=${archive}`, '-Xlog:disable'] : []),
    ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', await classPath(version)],
  ]
}

let identity: Promise<string> | undefined

/** Says which Java it is, without starting it. */
function javaIdentity(): Promise<string> {
  identity ??= (async () => {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const found = await stat(join(folder, 'java')).catch(() => undefined)
      if (found?.isFile()) return `${folder} ${found.size} ${found.mtimeMs} ${process.arch}`
    }
    return 'unknown'
  })()
  return identity
}
