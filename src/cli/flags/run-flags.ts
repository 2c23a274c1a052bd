import { type Command, Option } from 'commander'
import { logLevels } from '../log-telemetry.ts'

/** `--progress`, `--log-level`, `--log-format`: what a command shows while it runs. */
export function addRunFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--progress <how>', 'auto: on a terminal only; json: a line each second on stderr')
        .choices(['auto', 'none', 'json'])
        .default('auto'),
    )
    .addOption(
      new Option('--log-level <level>', 'least level of the messages on stderr')
        .choices(logLevels)
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'messages on stderr').choices(['text', 'json']).default('text'),
    )
}
