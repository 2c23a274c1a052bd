import type { Session } from '../session.ts'
import type { Flags } from './parse-flags.ts'
import { writeScript } from './save-offsets.ts'
import { chosenGroups, groupFilter, readSaved } from './saved-files.ts'

/** Makes a script from saved offsets, without a cluster. */
export async function scriptFromFiles(flags: Flags, session: Session): Promise<void> {
  const wanted = await groupFilter(flags.texts('groups'))
  const file = chosenGroups(await readSaved(flags.texts('offsets-from'), session), wanted)
  const brokers = flags.text('brokers')
  const named = brokers === undefined ? file : { ...file, cluster: brokers }
  await writeScript(flags.text('restore-offsets-script') ?? '', named, undefined, session)
}
