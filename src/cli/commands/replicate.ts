import type { Command } from 'commander'
import { defineReplicateStatus } from '../pipeline/replicate-status.ts'
import type { Session } from '../session.ts'

/** `replicate` and `replicate status`. */
export function define(command: Command, session: Session): void {
  defineReplicateStatus(command, session)
}
