import type { Command } from 'commander'
import { nearest, TidemarkError } from '../../base/index.ts'
import { type CompletionNode, completionScript, shells } from '../completion-scripts.ts'
import type { Session } from '../session.ts'

/** `completion bash|zsh|fish`. */
export function define(command: Command, session: Session): void {
  command
    .argument('<shell>', shells.join(', '))
    .addHelpText(
      'after',
      `
Examples:
  source <(kafka-backup completion bash)                       for this shell
  kafka-backup completion zsh > "\${fpath[1]}/_kafka-backup"     for all
  kafka-backup completion fish > ~/.config/fish/completions/kafka-backup.fish`,
    )
    .action(async (given: string) => {
      const shell = shells.find((name) => name === given)
      if (shell === undefined) {
        throw new TidemarkError('USAGE', `There is no completion for ${JSON.stringify(given)}`, {
          hint: `Shells: ${shells.join(', ')}.${nearest(given, shells) === undefined ? '' : ` Did you mean ${nearest(given, shells)}?`}`,
        })
      }
      // For this command, all the others have been loaded in full.
      const program = command.parent ?? command
      session.out.write(completionScript(shell, nodesOf(program, '')))
    })
}

/** Every command with what may follow it, subcommands as `restore finish`. */
function nodesOf(command: Command, path: string): readonly CompletionNode[] {
  const words = command.commands.map((child) => ({
    word: child.name(),
    summary: child.summary() || child.description(),
  }))
  const flags = command.options.flatMap((option) =>
    option.long === undefined
      ? []
      : [{ word: option.long, summary: option.description, takesValue: option.required }],
  )
  return [
    { path, words, flags: [...flags, { word: '--help', summary: 'show help', takesValue: false }] },
    ...command.commands.flatMap((child) =>
      nodesOf(child, path === '' ? child.name() : `${path} ${child.name()}`),
    ),
  ]
}
