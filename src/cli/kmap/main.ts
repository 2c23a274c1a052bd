import { reportError } from '../report-error.ts'
import { Session } from '../session.ts'
import { runKmap } from './run-kmap.ts'

/** The command `kmap`: one command line, then the end, whatever still lingers in the event loop. */
const session = new Session((status) => process.exit(status))
let status: number
try {
  await runKmap(process.argv.slice(2), session)
  status = session.status
} catch (error) {
  status = reportError(error, session)
}
await Promise.all([session.out.flushed(), session.err.flushed()])
process.exit(status)
