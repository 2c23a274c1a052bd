import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { account, type Run } from './child.ts'
import { crate } from './rivals.ts'

/** How our program is started. */
export const ourCommand: readonly string[] = [
  process.execPath,
  new URL('../bin/kafka-backup.mjs', import.meta.url).pathname,
]

/** What a backup or restore is given; the same YAML serves both sides. */
export interface JobFile {
  readonly folder: string
  readonly bootstrap: string
  readonly topics: readonly string[]
  /** Name of the archive's folder below `folder`. */
  readonly archive: string
  readonly compression: 'none' | 'zstd'
  readonly headers?: boolean
  readonly storage?: string
}

/** Runs Tidemark's backup into an empty archive. */
export async function ourBackup(job: JobFile): Promise<Run> {
  await rm(join(job.folder, job.archive), { recursive: true, force: true })
  return await ours('backup', await backupFile(job, 'consumer_group_snapshot: false\n'), job)
}

/** Runs Tidemark's restore; the target's topics must not exist. */
export async function ourRestore(job: JobFile): Promise<Run> {
  return await ours('restore', await restoreFile(job, 'append: false\n'), job)
}

/** Runs the crate's backup into an empty archive. */
export async function crateBackup(job: JobFile): Promise<Run> {
  await rm(join(job.folder, job.archive), { recursive: true, force: true })
  return await theirs(
    await backupFile(job, 'stop_at_current_offsets: true\n  include_offset_headers: false\n'),
    job,
  )
}

/** Runs the crate's restore. */
export async function crateRestore(job: JobFile): Promise<Run> {
  return await theirs(await restoreFile(job, ''), job)
}

async function ours(command: string, file: string, job: JobFile): Promise<Run> {
  return await account([...ourCommand, command, '--config', file], join(job.folder, 'ours.log'))
}

async function theirs(file: string, job: JobFile): Promise<Run> {
  return await account([await crate(), file], join(job.folder, 'theirs.log'))
}

async function backupFile(job: JobFile, more: string): Promise<string> {
  const file = join(job.folder, 'backup.yaml')
  await writeFile(
    file,
    `mode: backup
backup_id: bench
source:
  bootstrap_servers: ['${job.bootstrap}']
  topics:
    include: [${job.topics.map((topic) => `'${topic}'`).join(', ')}]
${storage(job)}backup:
  compression: ${job.compression}
  ${more}`,
  )
  return file
}

async function restoreFile(job: JobFile, more: string): Promise<string> {
  const file = join(job.folder, 'restore.yaml')
  await writeFile(
    file,
    `mode: restore
backup_id: bench
target:
  bootstrap_servers: ['${job.bootstrap}']
${storage(job)}restore:
  create_topics: true
  default_replication_factor: 1
  include_original_offset_header: ${job.headers ?? false}
  ${more}`,
  )
  return file
}

function storage(job: JobFile): string {
  return job.storage ?? `storage:\n  backend: filesystem\n  path: ${join(job.folder, job.archive)}\n`
}
