/**
 * cli: the command line. One thin file a command under `commands/`: read flags, check the configuration, call a room, render its report.
 *
 *     parse        the command, its flags; unknown ones with the nearest match           -> exit 2
 *     session      streams, log, progress, the signal that the first Ctrl-C aborts
 *     command      loaded when it is needed; calls one function of a room below
 *     report       a table for people, or documented JSON; data on stdout, everything else on stderr
 *     exit status  from the report or from the error's code
 *
 * Nothing is decided here that a room could decide. Only this room ends the process.
 */
import { runCommandLine } from './run.ts'
import { Session } from './session.ts'

/** The program: one command line, then the end, whatever still lingers in the event loop. */
const session = new Session((status) => process.exit(status))
session.interruption.listen()
const status = await runCommandLine(process.argv.slice(2), session)
await Promise.all([session.out.flushed(), session.err.flushed()])
process.exit(status)
