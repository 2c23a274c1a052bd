import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programFile } from '../../test/support/program.ts'
import type { CopyJob, Program, Replicator } from './replicator.ts'

/** Tidemark as it is by default, exactly once: `replicate`, and `sync-offsets` beside it. */
export const tidemark: Replicator = {
  name: 'Tidemark',
  prepare: (job) => prepare(job, 'enabled'),
}

/** Tidemark at least once. */
export const tidemarkAtLeastOnce: Replicator = {
  name: 'Tidemark, at least once',
  prepare: (job) => prepare(job, 'disabled'),
}

type Switch = 'enabled' | 'disabled'

async function prepare(job: CopyJob, exactlyOnce: Switch): Promise<readonly Program[]> {
  const file = join(job.folder, `${job.id}.yaml`)
  await writeFile(file, pipeline(job, exactlyOnce))
  const program = await programFile()
  return ['replicate', 'sync-offsets'].map((command) => ({
    command: [process.execPath, program, command, '-f', file],
    log: join(job.folder, `${job.id}-${command}.log`),
  }))
}

function pipeline(job: CopyJob, exactlyOnce: Switch): string {
  const { id, source, target, topic, groups, interval } = job
  return `name: ${id}
features:
  exactlyOnce: ${exactlyOnce}
  offsetMapping: enabled
  autoCreateControlTopics: enabled
source:
  kafka: {common: {bootstrap.servers: '${source}'}}
target:
  kafka: {common: {bootstrap.servers: '${target}'}}
coordination:
  commit: {topic: ${id}.positions.internal}
offsetMapping:
  topic: ${id}.map.internal
replication:
  - source: {topic: ['${topic}']}
  - sink: {topic: {prefix: '${id}.'}}
groups:
  consumerGroups: '${groups}'
  pollInterval: ${interval} seconds
`
}
