import type { Command } from 'commander'
import type { Session } from './session.ts'

/** What a command's file exports: its flags, help and action. */
export interface CommandModule {
  define(command: Command, session: Session): void
}

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** Loaded only when the command is run, or when its help is wanted. */
  readonly load: () => Promise<CommandModule>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'backup',
    summary: 'Copy topics and group positions of a cluster into an archive',
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'restore',
    summary: 'Write a backup to a cluster; `restore finish` applies settings that wait',
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'three-phase-restore',
    summary: 'Restore the data, map the offsets, set the positions of the groups',
    load: () => import('./commands/three-phase-restore.ts'),
  },
  { name: 'list', summary: 'List the backups of an archive', load: () => import('./commands/list.ts') },
  { name: 'describe', summary: 'Say what a backup holds', load: () => import('./commands/describe.ts') },
  {
    name: 'validate',
    summary: 'Check that a backup is whole and undamaged',
    load: () => import('./commands/validate.ts'),
  },
  {
    name: 'validate-restore',
    summary: 'Check that a restore could be done, changing nothing',
    load: () => import('./commands/validate-restore.ts'),
  },
  {
    name: 'verify',
    summary: 'Compare a backup with the cluster that it was restored to',
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'show-offset-mapping',
    summary: 'Show the offsets of a backup, and where a restore put them',
    load: () => import('./commands/show-offset-mapping.ts'),
  },
  {
    name: 'offset-reset',
    summary: 'Plan, execute or script setting the positions of groups',
    load: () => import('./commands/offset-reset.ts'),
  },
  {
    name: 'offset-reset-bulk',
    summary: 'Set the positions of many groups at once',
    load: () => import('./commands/offset-reset-bulk.ts'),
  },
  {
    name: 'offset-rollback',
    summary: 'Save the positions of groups, and put them back',
    load: () => import('./commands/offset-rollback.ts'),
  },
  {
    name: 'groups',
    summary: 'See groups of every type, copy, rename, export, import and hold their positions',
    load: () => import('./commands/groups.ts'),
  },
  {
    name: 'config',
    summary: 'Check a configuration file, or print its JSON Schema',
    load: () => import('./commands/config.ts'),
  },
  {
    name: 'storage',
    summary: 'Check that a bucket or folder keeps what archives need',
    load: () => import('./commands/storage.ts'),
  },
  {
    name: 'completion',
    summary: 'Print the completion script for a shell',
    load: () => import('./commands/completion.ts'),
  },
]
