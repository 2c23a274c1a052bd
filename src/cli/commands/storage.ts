import type { Command } from 'commander'
import type { StoreCheckResult } from '../../storage/index.ts'
import { placeOf, storeOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { withJobContext } from '../job-context.ts'
import { asTidemarkError } from '../render/error-text.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'

interface Flags extends FormatFlags {
  readonly config?: string
}

/** `storage check`. */
export function define(command: Command, session: Session): void {
  command.usage('check <folder|url>').addHelpText(
    'after',
    `
Examples:
  kafka-backup storage check s3://my-backups/kafka
  kafka-backup storage check 's3://backups/kafka?endpoint=http://minio:9000'
  kafka-backup storage check -c backup.yaml`,
  )
  addFormatFlags(
    command
      .command('check')
      .description(
        'Try every promise that archives rest on: durable and whole objects, conditional writes, listing. Writes some 150 MB below a prefix of its own and removes them.',
      )
      .argument('[place]', 'a folder, file://… or s3://bucket/prefix')
      .option('-c, --config <file>', 'YAML file with a storage section'),
  ).action(async (place: string | undefined, flags: Flags) => check(place, flags, session))
}

async function check(place: string | undefined, flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  const spec = place === undefined ? (await storeOf(flags)).spec : await placeOf(place)
  await withJobContext(session, spec, async ({ store, signal }) => {
    const { checkStore } = await import('../../storage/index.ts')
    if (format === 'text') session.out.line(`Checking ${printable(store.url)}`)
    const results = await checkStore(store, {
      signal,
      onResult: (result) => {
        if (format === 'text') session.out.line(resultLine(result))
      },
    })
    const failed = results.filter((result) => !result.ok).length
    session.status = failed === 0 ? 0 : 5
    const object = { url: store.url, ok: failed === 0, checks: results.map(resultObject) }
    await session.print(format, object, () =>
      failed === 0
        ? `All ${results.length} promises hold: this store can hold archives\n`
        : `${plural(failed, 'promise')} of ${results.length} not kept: do not keep archives here\n`,
    )
  })
}

function resultLine(result: StoreCheckResult): string {
  const why = result.ok ? '' : `\n    ${printable(asTidemarkError(result.error).message)}`
  return `  ${result.ok ? 'ok  ' : 'FAIL'}  ${result.promise}${why}`
}

function resultObject(result: StoreCheckResult): Readonly<Record<string, unknown>> {
  const error = result.ok ? undefined : asTidemarkError(result.error)
  return {
    name: result.name,
    promise: result.promise,
    ok: result.ok,
    ms: result.ms,
    error: error === undefined ? null : { code: error.code, message: error.message },
  }
}
