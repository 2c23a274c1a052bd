import type { Config } from '../config/index.ts'
import type { JobContext, StoreSpec } from '../storage/index.ts'
import type { Session } from './session.ts'

/** Opens the store and runs a job on it; the store is closed however the job ends. */
export async function withJobContext<T>(
  session: Session,
  spec: StoreSpec,
  work: (context: JobContext) => Promise<T>,
): Promise<T> {
  const { openStore } = await import('../storage/index.ts')
  await using store = await openStore(spec, { telemetry: session.telemetry, signal: session.signal })
  return await work({
    store,
    signal: session.signal,
    telemetry: session.telemetry,
    progress: session.progress,
    clock: session.clock,
  })
}

/** Names the keys of the file that have no effect, and what was chosen for the user. */
export function showNotes(session: Session, config: Config): void {
  for (const note of config.notes) session.log('info', `note: ${note.key} ${note.message}`)
}
