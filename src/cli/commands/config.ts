import type { Command } from 'commander'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { collect } from '../flags/restore-flags.ts'
import { jsonText } from '../render/machine-formats.ts'
import { plural } from '../render/quantities.ts'
import type { Session } from '../session.ts'

interface ValidateFlags extends FormatFlags {
  readonly config?: string
  readonly pipeline?: readonly string[]
}

/** `config validate` and `config schema`. */
export function define(command: Command, session: Session): void {
  command.usage('validate|schema').addHelpText(
    'after',
    `
Examples:
  kafka-backup config validate -c backup.yaml
  kafka-backup config validate --pipeline k2k.yaml
  kafka-backup config schema > kafka-backup.schema.json
  # then, as the first line of backup.yaml:
  # yaml-language-server: $schema=./kafka-backup.schema.json`,
  )
  addFormatFlags(
    command
      .command('validate')
      .description('Check a configuration file: all mistakes at once, with line and column. Contacts nobody.')
      .option('-c, --config <file>', 'the file to check')
      .option(
        '--pipeline <file>',
        'check a pipeline file instead; of several, as `replicate -f` does',
        collect,
      ),
    ['text', 'json'],
  ).action(async (flags: ValidateFlags) => validate(flags, session))
  command
    .command('schema')
    .description('Print the JSON Schema of configuration files (draft 2020-12).')
    .option('--pipeline', 'that of pipeline files')
    .action(async (flags: { readonly pipeline?: boolean }) => {
      const { configJsonSchema, pipelineJsonSchema } = await import('../../config/index.ts')
      session.out.write(jsonText(flags.pipeline ? pipelineJsonSchema() : configJsonSchema()))
    })
}

async function validate(flags: ValidateFlags, session: Session): Promise<void> {
  const format = formatOf(flags, ['text', 'json'])
  if (flags.pipeline !== undefined) return await validatePipeline(flags.pipeline, format, session)
  const { checkConfig, problemText } = await import('../../config/index.ts')
  const file = required(flags.config, '-c FILE')
  const { problems, config } = checkConfig({ file, needs: 'by-mode' })
  session.status = problems.length === 0 ? 0 : 2
  if (format === 'json') {
    session.out.write(
      jsonText({
        file,
        valid: problems.length === 0,
        mode: config.mode ?? null,
        problems,
        notes: config.notes,
      }),
    )
    return
  }
  for (const problem of problems) session.out.line(problemText(problem, file))
  for (const note of config.notes) session.out.line(`${file}: note: ${note.key} ${note.message}`)
  session.out.line(
    problems.length === 0 ? `${file} is valid` : `${file} has ${plural(problems.length, 'problem')}`,
  )
}

async function validatePipeline(files: readonly string[], format: Format, session: Session): Promise<void> {
  const { checkPipelineFiles, problemText } = await import('../../config/index.ts')
  const { problems, pipeline } = checkPipelineFiles(files)
  const notes = pipeline?.notes ?? []
  const shown = files.join(', ')
  session.status = problems.length === 0 ? 0 : 2
  if (format === 'json') {
    session.out.write(jsonText({ file: shown, valid: problems.length === 0, mode: null, problems, notes }))
    return
  }
  for (const problem of problems) session.out.line(problemText(problem, problem.file))
  for (const note of notes) session.out.line(`${shown}: note: ${note.key} ${note.message}`)
  session.out.line(
    problems.length === 0 ? `${shown} is valid` : `${shown} has ${plural(problems.length, 'problem')}`,
  )
}
