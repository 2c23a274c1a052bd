import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { hostVariable, type JavaHost, startJavaHost } from '../test/support/java-host.ts'
import { cacheFolder, kafkaJars, kafkaVersions } from '../test/support/kafka-jars.ts'
import { keepClasses } from '../test/support/keep-classes.ts'
import { s3ServerProgram } from '../test/support/s3-server.ts'

/*
 * Runs the tests on this Node:
 *
 *     node scripts/test.ts                      everything but the long fault tests
 *     node scripts/test.ts fault                test/fault
 *     node scripts/test.ts unit cli             those folders
 *     node scripts/test.ts integration groups   of a folder, the files whose path holds a text
 *
 * Exits with the status of the test runner.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const quick = ['unit', 'property', 'conformance', 'golden', 'cli', 'integration']
const purposes = [...quick, 'fault']
/** Tests of these purposes start real brokers or a real S3 server. */
const needBrokers = ['conformance', 'cli', 'integration', 'fault']

const asked = process.argv.slice(2)
const folders = asked.filter((word) => purposes.includes(word))
const texts = asked.filter((word) => !purposes.includes(word))
const chosen = folders.length > 0 ? folders : quick

const files = chosen
  .flatMap((purpose) => globSync(join(root, 'test', purpose, '**', '*.test.ts')).sort())
  .filter((file) => texts.length === 0 || texts.some((text) => relative(root, file).includes(text)))

if (files.length === 0) stop(`No test file matches: ${asked.join(' ')}`)
if (Number(process.versions.node.split('.')[0]) < 24) {
  stop(
    `The tests need Node 24 or newer and run on ${process.versions.node}: start them with \`npm test\`, after \`npm ci\`.`,
  )
}
let host: JavaHost | undefined
if (files.some((file) => needBrokers.some((purpose) => file.startsWith(join(root, 'test', purpose))))) {
  checkPrograms()
  // Before the tests, so that two of them never download the same thing at once.
  for (const version of kafkaVersions) await kafkaJars(version).catch((error: Error) => stop(error.message))
  await s3ServerProgram().catch((error: Error) => stop(error.message))
  await keepClasses().catch((error: Error) => stop(error.message))
  // One JVM for the brokers and clients of all files: classes are loaded and code is compiled once.
  host = await startJavaHost({ heap: '3g' }).catch((error: Error) => stop(error.message))
  void host.ended.then((said) => {
    if (runner.exitCode === null) process.stderr.write(`The JVM of the tests has ended: ${said}\n`)
  })
}

const runner = spawn(
  process.execPath,
  ['--test', '--test-concurrency=5', '--test-reporter=spec', '--test-reporter-destination=stdout', ...files],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
      NODE_NO_WARNINGS: '1',
      ...(host && { [hostVariable]: String(host.port) }),
      // Each file is a process of its own: types are stripped and code is compiled once, not once a file.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tidemark', 'compiled'),
    },
  },
)
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => runner.kill(name))
runner.on('error', (error) => stop(`The test runner cannot be started: ${error.message}`))
runner.on('exit', async (code, signal) => {
  await host?.end()
  process.exitCode = code ?? 1
  if (signal !== null) process.stderr.write(`The test runner was ended by ${signal}\n`)
})

/** Says in one sentence what the machine lacks. */
function checkPrograms(): void {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  if (java.error !== undefined || java.status !== 0) {
    stop(
      'Java 17 or newer is needed: the tests start real Kafka brokers. Install a JDK, for example openjdk-17-jdk-headless.',
    )
  }
  const version = Number(/version "(\d+)/.exec(`${java.stderr}${java.stdout}`)?.[1] ?? 0)
  if (version < 17) stop(`Java 17 or newer is needed, and \`java\` is version ${version}.`)
  if (spawnSync('java', ['--describe-module', 'jdk.compiler'], { stdio: 'ignore' }).status !== 0) {
    stop(
      'A JDK is needed, and `java` is a JRE: the tests run small Java programs from source. Install for example openjdk-17-jdk-headless.',
    )
  }
  const cached = kafkaVersions.every((name) => existsSync(join(cacheFolder(), `kafka-${name}`)))
  if (!cached && spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status !== 0) {
    stop('Maven is needed to fetch Apache Kafka from Maven Central once: install the package maven.')
  }
}

function stop(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
