import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { mavenJars } from '../../test/support/kafka-jars.ts'
import type { CopyJob, Program, Replicator } from './replicator.ts'

const dependencies = [
  ...['connect-mirror', 'connect-runtime', 'connect-json'].map((name) => ['org.apache.kafka', name, '4.2.0']),
  // So that what it warns of can be read when it does not do its work.
  ['org.slf4j', 'slf4j-simple', '1.7.36'],
]
  .map(
    ([group, name, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  )
  .join('\n')

/** What `connect-mirror-maker.sh` and `kafka-run-class.sh` start the JVM with. */
const scriptJvm: readonly string[] = [
  ...['-Xms256M', '-Xmx2G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...['-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent'],
  '-Djava.awt.headless=true',
]

/** MirrorMaker 2 as it is by default: at least once. */
export const atLeastOnce: Replicator = mirrorMaker('MirrorMaker 2, at least once', {})

/** MirrorMaker 2 exactly once. */
export const exactlyOnce: Replicator = mirrorMaker('MirrorMaker 2, exactly once', {
  'exactly.once.source.support': 'enabled',
})

/** MirrorMaker 2 that notes as many offsets as it can, so that it translates as finely as it can. */
export const finestOffsets: Replicator = mirrorMaker('MirrorMaker 2, offset.lag.max=0', {
  'offset.lag.max': '0',
})

/** Both of its modes. */
export const mirrorMakers: readonly Replicator[] = [atLeastOnce, exactlyOnce]

function mirrorMaker(name: string, more: Readonly<Record<string, string>>): Replicator {
  return { name, prepare: (job) => prepare(job, more) }
}

async function prepare(job: CopyJob, more: Readonly<Record<string, string>>): Promise<readonly Program[]> {
  const jars = await mavenJars('connect-mirror-4.2.0', dependencies)
  const file = join(job.folder, `${job.id}.properties`)
  const lines = Object.entries({ ...(await properties(job)), ...more })
  await writeFile(file, lines.map(([key, value]) => `${key} = ${value}\n`).join(''))
  const main = 'org.apache.kafka.connect.mirror.MirrorMaker'
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  return [
    {
      command: ['java', ...scriptJvm, logging, '-cp', `${jars}/*`, main, file],
      log: join(job.folder, `${job.id}.log`),
    },
  ]
}

/** Dedicated mode, one flow. Aliases that no other copy has keep its internal topics its own. */
async function properties(job: CopyJob): Promise<Record<string, string>> {
  const source = job.id
  const target = `${job.id}-target`
  const port = await freePort()
  return {
    clusters: `${source}, ${target}`,
    [`${source}.bootstrap.servers`]: job.source,
    [`${target}.bootstrap.servers`]: job.target,
    [`${source}->${target}.enabled`]: 'true',
    [`${source}->${target}.topics`]: job.topic,
    [`${source}->${target}.groups`]: job.groups,
    [`${target}->${source}.enabled`]: 'false',
    'tasks.max': '4',
    // Heartbeats would cost it a second flow, and nobody reads them here.
    'emit.heartbeats.enabled': 'false',
    'sync.group.offsets.enabled': 'true',
    'sync.group.offsets.interval.seconds': String(job.interval),
    'emit.checkpoints.interval.seconds': String(job.interval),
    // How often it remembers how far it has come, and tells its samples of offsets: a minute by default.
    'offset.flush.interval.ms': String(job.interval * 1000),
    'replication.factor': '1',
    'offset-syncs.topic.replication.factor': '1',
    'checkpoints.topic.replication.factor': '1',
    'heartbeats.topic.replication.factor': '1',
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'dedicated.mode.enable.internal.rest': 'true',
    listeners: `http://127.0.0.1:${port}`,
  }
}
