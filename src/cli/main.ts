/**
 * cli: the command `kafka-backup`. One thin file a command below `commands/`; what they share lies in `flags/`, `reports/` (a
 * report of a room as JSON and as text), `render/` and `progress/`.
 *
 *     build the program: all commands by name, the one that is asked for in full       -- nothing else is loaded
 *     parse the flags; read the file, put the flags over it, check everything           (config)
 *     show notes; open the store; run the job with signal, telemetry and progress       (one of the rooms)
 *     print the report on stdout; everything else goes to stderr
 *     exit with the status that `exit-status.ts` lists
 *
 * The first signal aborts the job with the reason INTERRUPTED, so that it finishes its commit; a second one, or half a minute, ends
 * the process at once. Errors are shown here and nowhere else.
 *
 * Not promised: the wording of texts for people. The fields of `-o json`, flags, codes and exit statuses stay.
 */
import { reportError } from './report-error.ts'
import { runCommandLine } from './run.ts'
import { Session } from './session.ts'

const session = new Session((status) => process.exit(status))
session.interruption.listen()
// A defect outside of any awaited call still ends with an error that can be read, and with a status.
process.on('uncaughtException', (error) => {
  const status = reportError(error, session)
  void session.err.flushed().finally(() => process.exit(status))
})
const status = await runCommandLine(process.argv.slice(2), session)
await Promise.all([session.out.flushed(), session.err.flushed()])
// Whatever still lingers in the event loop.
process.exit(status)
