import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Config, Need, Override } from '../../config/index.ts'
import type { StoreSpec } from '../../storage/index.ts'

export interface ArchiveFlags {
  readonly config?: string
  readonly path?: string
  readonly backupId?: string
}

/** `-c`, `-p`, `-b`: where the archive is and which backup. */
export function addArchiveFlags(command: Command): Command {
  return command
    .option('-p, --path <folder|url>', 'archive: a folder, file://… or s3://bucket/prefix')
    .option('-b, --backup-id <id>', 'name of the backup')
    .option('-c, --config <file>', 'YAML file that says both, and the cluster')
}

export interface Archive {
  readonly spec: StoreSpec
  readonly backupId: string
  readonly config: Config
}

export interface ArchiveOptions {
  readonly needs?: readonly Need[]
  readonly overrides?: readonly Override[]
}

/** The archive that the flags or the file name. Throws USAGE for what is missing. */
export async function archiveOf(flags: ArchiveFlags, options: ArchiveOptions = {}): Promise<Archive> {
  const { config, spec } = await storeOf(flags, options)
  if (config.backupId === undefined) {
    throw new TidemarkError('USAGE', 'No backup is named', {
      hint: 'Give --backup-id ID, or -c FILE with backup_id; `kafka-backup list --path …` shows what there is.',
    })
  }
  return { spec, backupId: config.backupId, config }
}

/** The store that the flags or the file name. */
export async function storeOf(
  flags: ArchiveFlags,
  options: ArchiveOptions = {},
): Promise<{ readonly spec: StoreSpec; readonly config: Config }> {
  const { loadConfig } = await import('../../config/index.ts')
  const config = loadConfig({
    file: flags.config,
    overrides: [
      ...(flags.backupId === undefined
        ? []
        : [{ path: ['backup_id'], value: flags.backupId, flag: '--backup-id' }]),
      ...(options.overrides ?? []),
    ],
    ...(options.needs !== undefined && { needs: options.needs }),
  })
  const spec = flags.path === undefined ? config.storage : await placeOf(flags.path)
  if (spec === undefined) {
    throw new TidemarkError('USAGE', 'No archive is named', {
      hint: 'Give --path FOLDER, --path s3://bucket/prefix, or -c FILE with a storage section.',
    })
  }
  return { spec, config }
}

/** A folder or URL as a store. */
export async function placeOf(text: string): Promise<StoreSpec> {
  const { parseStoreUrl } = await import('../../storage/index.ts')
  return parseStoreUrl(text)
}
