import { runCommandLine } from './run.ts'
import { Session } from './session.ts'

/** The program: one command line, then the end, whatever still lingers in the event loop. */
const session = new Session((status) => process.exit(status))
session.interruption.listen()
const status = await runCommandLine(process.argv.slice(2), session)
await Promise.all([session.out.flushed(), session.err.flushed()])
process.exit(status)
