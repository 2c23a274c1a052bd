import { Command, CommanderError } from 'commander'
import { packageVersion, TidemarkError } from '../base/index.ts'
import { type CommandEntry, commands } from './command-table.ts'
import { exitStatusHelp } from './exit-status.ts'
import type { Session } from './session.ts'

/**
 * The program with the named commands in full and the others by name only, so that a run loads the one command that it
 * needs. Mistakes reject with USAGE.
 */
export async function buildProgram(session: Session, inFull: (name: string) => boolean): Promise<Command> {
  const program = new Command('kafka-backup')
    .description(
      'Back up Kafka, restore it anywhere, and put every consumer group back on exactly the right record.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .configureHelp({ helpWidth: 110, showGlobalOptions: false })
    .addHelpText(
      'after',
      `
Begin with:
  kafka-backup config schema > kafka-backup.schema.json       keys of the YAML file, for your editor
  kafka-backup backup -c backup.yaml                          run it again to add what is new
  kafka-backup three-phase-restore -c restore.yaml            data, offset map, group positions
  kafka-backup verify -c restore.yaml                         prove it

${exitStatusHelp}`,
    )
  configureErrors(program, session)
  for (const entry of commands) await addCommand(program, entry, session, inFull(entry.name))
  return program
}

async function addCommand(
  program: Command,
  entry: CommandEntry,
  session: Session,
  inFull: boolean,
): Promise<void> {
  const command = program.command(entry.name).summary(entry.summary).description(`${entry.summary}.`)
  if (!inFull) return
  const { define } = await entry.load()
  define(command, session)
  for (const leaf of [command, ...command.commands]) {
    leaf
      .configureHelp({ helpWidth: 110, showGlobalOptions: false })
      .helpOption('-h, --help', 'show this help')
    leaf.addHelpText('after', `\n${exitStatusHelp}`)
  }
}

/** Help goes to stdout, mistakes are thrown as errors of the one class. */
function configureErrors(program: Command, session: Session): void {
  program.exitOverride().configureOutput({
    writeOut: (text) => session.out.write(text),
    writeErr: () => {},
    outputError: () => {},
  })
}

/** What commander threw: a status for help and version, or the error for a mistake in the command line. */
export function usageOutcome(error: CommanderError): number | TidemarkError {
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return 2
  const message = error.message.replace(/^error: /, '')
  const [sentence = message, suggestion] = message.split('\n')
  return new TidemarkError('USAGE', capital(sentence), {
    hint:
      suggestion?.replace(/^\((.*)\)$/, '$1') ??
      'kafka-backup --help lists the commands, kafka-backup COMMAND --help the flags.',
  })
}

/** Whether commander threw it. */
export function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof CommanderError
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
