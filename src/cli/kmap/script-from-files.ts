import type { Session } from '../session.ts'
import type { Flags } from './parse-flags.ts'
import { writeScript } from './save-offsets.ts'
import { chosenGroups, groupChoice, readSaved } from './saved-files.ts'

/** Makes a script from saved offsets, without a cluster. */
export async function scriptFromFiles(flags: Flags, session: Session): Promise<void> {
  const choice = await groupChoice(flags.texts('groups'))
  const files = flags.texts('offsets-from')
  const file = chosenGroups(await readSaved(files, session), choice, files.join(', '))
  const brokers = flags.text('brokers')
  const named = brokers === undefined ? file : { ...file, cluster: brokers }
  await writeScript(flags.text('restore-offsets-script') ?? '', named, undefined, session)
}
