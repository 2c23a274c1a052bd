import { type ErrorCode, TidemarkError } from '../base/index.ts'

/** A place in a document: object keys and list indexes from the top. */
export type Path = readonly (string | number)[]

/** One thing that is wrong in a configuration. */
export interface ConfigProblem {
  readonly code: ErrorCode
  /** The key as users write it, for example `source.topics.include[2]`; empty for the document as a whole. */
  readonly key: string
  /** Counted from 1; undefined when the value did not come from a file. */
  readonly line: number | undefined
  readonly column: number | undefined
  /** The flag that the value came from, if it did not come from a file. */
  readonly flag: string | undefined
  /** One sentence without the place. Never holds a secret. */
  readonly message: string
  readonly hint: string | undefined
}

/** `['source', 'topics', 0]` → `source.topics[0]`. */
export function keyText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    const plain = /^[A-Za-z_][\w-]*$/.test(part) ? part : JSON.stringify(part)
    return text === '' ? plain : `${text}.${plain}`
  }, '')
}

/** A place in a file, both counted from 1; or the flag of the command line that set a value. */
export type Place = { readonly line: number; readonly column: number } | { readonly flag: string }

interface ProblemOptions {
  readonly hint?: string
  /** @default 'CONFIG_INVALID' */
  readonly code?: ErrorCode
  /** Where, when the path alone does not say it. */
  readonly place?: Place
}

/** Collects what is wrong, so that a user sees all of it at once. */
export class Problems {
  readonly #list: ConfigProblem[] = []
  readonly #locate: (path: Path) => Place | undefined

  constructor(locate: (path: Path) => Place | undefined = () => undefined) {
    this.#locate = locate
  }

  add(path: Path, message: string, options: ProblemOptions = {}): void {
    const place = options.place ?? this.#locate(path)
    this.#list.push({
      code: options.code ?? 'CONFIG_INVALID',
      key: keyText(path),
      line: place !== undefined && 'line' in place ? place.line : undefined,
      column: place !== undefined && 'line' in place ? place.column : undefined,
      flag: place !== undefined && 'flag' in place ? place.flag : undefined,
      message,
      hint: options.hint,
    })
  }

  /** Takes over a problem that was found elsewhere. */
  adopt(problem: ConfigProblem): void {
    this.#list.push(problem)
  }

  /** Notes a caught error at a path. Errors that are not ours are defects and go on. */
  addError(path: Path, error: unknown): void {
    if (!(error instanceof TidemarkError)) throw error
    this.add(path, error.message, { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) })
  }

  /** Whether anything at or below the path is wrong. */
  touches(path: Path): boolean {
    const key = keyText(path)
    return this.#list.some(
      (p) => key === '' || p.key === key || p.key.startsWith(`${key}.`) || p.key.startsWith(`${key}[`),
    )
  }

  /** In the order of the file; what has no place comes last. */
  get list(): readonly ConfigProblem[] {
    const order = (p: ConfigProblem) => (p.line ?? Number.MAX_SAFE_INTEGER / 1e6) * 1e5 + (p.column ?? 0)
    return [...this.#list].sort((a, b) => order(a) - order(b))
  }
}

/** `file:12:5: source.topcis is not a known key (did you mean "topics"?)` */
export function problemText(problem: ConfigProblem, file: string): string {
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`
  const verb = /^(is|has|and|needs|excludes) /.test(problem.message)
  const sentence =
    problem.key === '' ? problem.message : `${problem.key}${verb ? '' : ':'} ${problem.message}`
  if (problem.flag !== undefined) return `${problem.flag}: ${problem.message}${hint}`
  const place = problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`
  return `${place}: ${sentence}${hint}`
}

/** Stands for the name of the file where there is none. */
export const commandLine = 'command line'

/** One error for all problems: exit 2, a line each, and every one in `details.problems`. Undefined when there are none. */
export function problemsError(problems: readonly ConfigProblem[], file: string): TidemarkError | undefined {
  const lines = problems.map((problem) => problemText(problem, file))
  const [first] = lines
  if (first === undefined) return undefined
  const [code = 'CONFIG_INVALID', ...others] = new Set(problems.map((problem) => problem.code))
  const message = lines.length === 1 ? first : `${file} has ${lines.length} problems\n  ${lines.join('\n  ')}`
  return new TidemarkError(others.length === 0 ? code : 'CONFIG_INVALID', message, {
    details: { file, problems },
    hint:
      file === commandLine
        ? 'docs/security.md says how a cluster is named, and --help (of kmap -help) lists the flags.'
        : 'docs/config.md lists every key; `kafka-backup config validate -c FILE` checks a file without running it.',
  })
}
