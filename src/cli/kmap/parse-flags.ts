import { TidemarkError } from '../../base/index.ts'
import { type Flag, flagSections, type SwitchFlag, type ValueFlag } from './flag-table.ts'

/** The flags of one command line. */
export interface Flags {
  /** The value given; undefined when the flag is not there. An empty one is kept. */
  text(name: ValueFlag): string | undefined
  /** All values of a flag that may be repeated. */
  texts(name: ValueFlag): readonly string[]
  has(name: SwitchFlag): boolean
  /** Whether the flag does anything: a value is there, or the switch is on. */
  isGiven(name: ValueFlag | SwitchFlag): boolean
}

const all: readonly Flag[] = flagSections.flatMap(({ flags }) => flags as readonly Flag[])
const byName = new Map(
  all.flatMap((flag) => [flag.name, ...(flag.aliases ?? [])].map((name) => [name, flag])),
)
const yes = new Set(['true', 't', '1', 'TRUE', 'True', 'T'])
const no = new Set(['false', 'f', '0', 'FALSE', 'False', 'F'])

/**
 * Reads a command line of Go's manner: `-name value`, `-name=value`, `--name`; a switch takes a value only behind `=`. Of a flag given
 * twice the last counts, unless it may be repeated. Throws USAGE for what is not known.
 */
export async function parseFlags(argv: readonly string[]): Promise<Flags> {
  const values = new Map<string, string[]>()
  const switches = new Map<string, boolean>()
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    const [, name, , given] = /^--?([A-Za-z][A-Za-z0-9-]*)(=(.*))?$/s.exec(word) ?? []
    if (name === undefined) {
      throw usage(`${JSON.stringify(word)} is not a flag`, 'Every argument is a flag: kmap -help lists them.')
    }
    const flag = byName.get(name)
    if (flag === undefined) throw await unknown(name)
    if (flag.value === undefined) {
      switches.set(flag.name, given === undefined || booleanOf(flag.name, given))
      continue
    }
    const next = given ?? argv[++at]
    if (next === undefined) throw usage(`-${name} needs a value: ${flag.value}`)
    if (given === undefined && looksLikeFlag(next)) {
      throw usage(
        `-${name} needs a value (${flag.value}), and ${next} is a flag`,
        `A value that begins like one is written -${name}=${next}.`,
      )
    }
    const list = values.get(flag.name) ?? []
    values.set(flag.name, flag.repeated ? [...list, next] : [next])
  }
  return {
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
    has: (name) => switches.get(name) ?? false,
    isGiven: (name) => values.has(name) || (switches.get(name) ?? false),
  }
}

/** Whether a word is one of the flags: a value forgotten before it would otherwise swallow it. */
function looksLikeFlag(word: string): boolean {
  const [, name = ''] = /^--?([A-Za-z][A-Za-z0-9-]*)(=|$)/.exec(word) ?? []
  return byName.has(name)
}

function booleanOf(name: string, text: string): boolean {
  if (yes.has(text)) return true
  if (no.has(text)) return false
  throw usage(`-${name}=${text} is neither true nor false`)
}

async function unknown(name: string): Promise<TidemarkError> {
  const { nearest } = await import('../../base/index.ts')
  const near = nearest(name, byName.keys())
  return usage(
    `-${name} is not a flag of kmap`,
    near === undefined ? 'kmap -help lists the flags.' : `Did you mean -${near}?`,
  )
}

/** A mistake in the command line. */
export function usage(message: string, hint?: string): TidemarkError {
  return new TidemarkError('USAGE', message, { hint: hint ?? 'kmap -help lists the flags.' })
}
