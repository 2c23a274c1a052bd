import { buildProgram, isCommanderError, usageOutcome } from './program.ts'
import { reportError } from './report-error.ts'
import type { Session } from './session.ts'

/** Runs one command line and answers its exit status. Everything that goes wrong is said on stderr, here and only here. */
export async function runCommandLine(argv: readonly string[], session: Session): Promise<number> {
  session.jsonErrors = wantsJson(argv)
  try {
    const [first, second] = argv.filter((word) => !word.startsWith('-'))
    const asked = first === 'help' ? second : first
    const program = await buildProgram(session, (name) => name === asked || asked === 'completion')
    if (argv.length === 0) {
      program.outputHelp()
      return 2
    }
    await program.parseAsync(argv, { from: 'user' })
    return session.status
  } catch (error) {
    const outcome = isCommanderError(error) ? usageOutcome(error) : error
    if (typeof outcome === 'number') return outcome
    return reportError(outcome, session)
  } finally {
    session.settle()
  }
}

/** Read before the flags are parsed, so that mistakes in them are told as JSON too. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some((flag, index) => {
    if (/^(-o|-f|--format)$/.test(flag)) return argv[index + 1] === 'json'
    return /^(-o=?json|-f=?json|--format=json)$/.test(flag)
  })
}
