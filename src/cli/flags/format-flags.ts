import { type Command, Option } from 'commander'
import { nearest, TidemarkError } from '../../base/index.ts'

export type Format = 'text' | 'json' | 'yaml' | 'csv'

export interface FormatFlags {
  readonly format?: string
  readonly o?: string
}

/** `-f, --format` and its short form `-o`, with the formats that the command has; text is the default. */
export function addFormatFlags(
  command: Command,
  formats: readonly Format[] = ['text', 'json', 'yaml'],
): Command {
  return command
    .addOption(new Option('-f, --format <format>', `output: ${formats.join(', ')} (default: text)`))
    .addOption(new Option('-o <format>', 'the same as --format'))
}

/** The format asked for. Throws USAGE for one that the command does not have. */
export function formatOf(flags: FormatFlags, formats: readonly Format[] = ['text', 'json', 'yaml']): Format {
  const given = flags.o ?? flags.format ?? 'text'
  const format = formats.find((name) => name === given)
  if (format !== undefined) return format
  const near = nearest(given, formats)
  throw new TidemarkError('USAGE', `${JSON.stringify(given)} is not a format of this command`, {
    hint:
      near === undefined
        ? `Formats: ${formats.join(', ')}. A file to write to is given with --output.`
        : `Did you mean ${near}?`,
  })
}
