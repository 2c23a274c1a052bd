import { type Command, Option } from 'commander'
import { required } from './required.ts'
import { collect } from './restore-flags.ts'

export interface PipelineFlags {
  readonly file?: readonly string[]
  readonly listen?: string
  readonly format?: string
  readonly o?: string
}

/** `-f` (a file, not a format as elsewhere), `--format` and `-o`. */
export function addPipelineFlags(command: Command): Command {
  return command
    .option('-f, --file <file>', 'pipeline file; of several, the later go over the earlier', collect)
    .addOption(new Option('--format <format>', 'output: text, json, yaml (default: text)'))
    .addOption(new Option('-o <format>', 'the same as --format'))
}

/** `--listen`, for programs that run on. */
export function addListenFlag(command: Command): Command {
  return command.option('--listen <host:port>', 'serve /metrics, /healthz and /readyz there, over the file')
}

/** The files. Throws USAGE when there is none. */
export function filesOf(flags: PipelineFlags): readonly string[] {
  return required(flags.file, '-f FILE')
}
