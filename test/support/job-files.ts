import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** Keys of a section of the configuration, as in the YAML file. */
export type Section = Readonly<Record<string, unknown>>

export interface BackupFile {
  readonly backupId: string
  readonly bootstrap: string
  readonly topics: readonly string[]
  /** Folder of the archive. */
  readonly path: string
  /** `storage`, in place of the folder. */
  readonly storage?: Section | undefined
  readonly backup?: Section
  /** Keys of `source`. */
  readonly source?: Section
}

export interface RestoreFile {
  readonly backupId: string
  readonly bootstrap: string
  readonly path: string
  /** `storage`, in place of the folder. */
  readonly storage?: Section | undefined
  readonly restore?: Section
  /** Keys of `target`. */
  readonly target?: Section
}

/** Writes a YAML file for `kafka-backup backup` into a folder; its path. */
export async function backupFile(folder: string, job: BackupFile): Promise<string> {
  return await write(folder, `backup-${job.backupId}.yaml`, {
    mode: 'backup',
    backup_id: job.backupId,
    source: {
      bootstrap_servers: job.bootstrap.split(','),
      topics: { include: job.topics },
      ...job.source,
    },
    storage: job.storage ?? { backend: 'filesystem', path: job.path },
    backup: job.backup ?? {},
  })
}

/** The same for the commands that restore. Files are told apart by `name`. */
export async function restoreFile(folder: string, name: string, job: RestoreFile): Promise<string> {
  return await write(folder, `restore-${name}.yaml`, {
    mode: 'restore',
    backup_id: job.backupId,
    target: { bootstrap_servers: job.bootstrap.split(','), ...job.target },
    storage: job.storage ?? { backend: 'filesystem', path: job.path },
    restore: job.restore ?? {},
  })
}

async function write(folder: string, name: string, content: Section): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, stringify(content))
  return file
}
