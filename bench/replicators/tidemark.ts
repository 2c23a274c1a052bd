import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programFile } from '../../test/support/program.ts'
import type { CopyJob, Program, Replicator } from './replicator.ts'

/** Tidemark as it is by default, exactly once: `replicate`, and `sync-offsets` beside it. */
export const tidemark: Replicator = { name: 'Tidemark', prepare }

async function prepare(job: CopyJob): Promise<readonly Program[]> {
  const file = join(job.folder, `${job.id}.yaml`)
  await writeFile(file, pipeline(job))
  const program = await programFile()
  return ['replicate', 'sync-offsets'].map((command) => ({
    command: [process.execPath, program, command, '-f', file],
    log: join(job.folder, `${job.id}-${command}.log`),
  }))
}

function pipeline({ id, source, target, topic, groups, interval }: CopyJob): string {
  return `name: ${id}
features:
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
