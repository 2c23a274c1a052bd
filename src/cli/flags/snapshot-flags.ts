import type { Command } from 'commander'
import { collect } from './restore-flags.ts'

/** Where snapshots lie. */
export interface SnapshotPlaceFlags {
  readonly config?: string
  readonly path?: string
}

/** Which snapshot: one of a folder by its id, or files. */
export interface SnapshotFlags extends SnapshotPlaceFlags {
  readonly snapshotId?: string
  readonly snapshot?: readonly string[]
}

/** `-p` and `-c`. */
export function addSnapshotPlaceFlags(command: Command): Command {
  return command
    .option('-p, --path <folder|url>', 'folder or bucket prefix of the snapshots, or the archive they lie in')
    .option('-c, --config <file>', 'YAML file that names the archive, and the cluster')
}

/** The same, `--snapshot-id` and `--snapshot`. */
export function addSnapshotFlags(command: Command): Command {
  return addSnapshotPlaceFlags(command)
    .option('--snapshot-id <id>', 'the snapshot, as `offset-rollback list` names it')
    .option(
      '--snapshot <file>',
      'the snapshot, in a file; a differential one after what it builds on',
      collect,
    )
}
