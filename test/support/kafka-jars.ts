import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Versions of Apache Kafka that the tests run against. */
export const kafkaVersions = ['4.2.0', '3.9.1'] as const
export type KafkaVersion = (typeof kafkaVersions)[number]

/** Where downloads are kept between runs; `TIDEMARK_CACHE` names another folder. */
export function cacheFolder(): string {
  return (
    process.env.TIDEMARK_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tidemark')
  )
}

const artifacts: Readonly<Record<string, (version: string) => string>> = {
  broker: (version) => `
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${version}</version></dependency>`,
}

const ready = new Map<string, Promise<string>>()

/** Folder with the jars of a Kafka version, from Maven Central, downloaded once for each machine. */
export function kafkaJars(version: KafkaVersion): Promise<string> {
  return mavenJars(`kafka-${version}`, artifacts.broker?.(version) ?? '')
}

/** Folder with the jars of some Maven dependencies (XML of `<dependency>` elements), kept under `name`. */
export function mavenJars(name: string, dependencies: string): Promise<string> {
  const known = ready.get(name)
  if (known) return known
  const folder = download(name, dependencies)
  ready.set(name, folder)
  return folder
}

async function download(name: string, dependencies: string): Promise<string> {
  const target = join(cacheFolder(), name)
  if (await exists(target)) return target
  await mkdir(cacheFolder(), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), `.${name}-`))
  try {
    const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>${dependencies}</dependencies></project>`
    await writeFile(join(work, 'pom.xml'), pom)
    process.stderr.write(`Fetching ${name} from Maven Central (once)\n`)
    await run(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'jars')}`],
      {
        cwd: work,
        maxBuffer: 1 << 26,
      },
    )
    // Several test processes may download at once: the first rename wins, the others use its result.
    await rename(join(work, 'jars'), target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error
    })
    return target
  } catch (cause) {
    if (isMissing(cause))
      throw new Error('Maven (mvn) is needed to fetch Apache Kafka; install it and try again', { cause })
    throw new Error(`Apache Kafka could not be fetched with Maven: ${String(cause)}`, { cause })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
