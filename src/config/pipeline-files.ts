import { TidemarkError } from '../base/index.ts'
import type { ExpandSources } from './expand.ts'
import { type ConfigProblem, type Path, Problems, problemText } from './problems.ts'
import { readYaml, type YamlSource } from './yaml-source.ts'

/** A problem, and the file that it is in. */
export type PlacedProblem = ConfigProblem & { readonly file: string }

interface ReadFile {
  readonly file: string
  readonly yaml: YamlSource
}

/** Pipeline files as values, with the way back from a problem to the file that it came from. */
export class PipelineFiles {
  readonly problems: Problems
  readonly #files: readonly ReadFile[]

  constructor(texts: readonly { readonly file: string; readonly text: string }[], sources: ExpandSources) {
    this.#files = texts.map(({ file, text }) => ({ file, yaml: readYaml(text, sources) }))
    this.problems = new Problems((path) => this.#owner(path)?.yaml.locate(path))
  }

  get values(): readonly unknown[] {
    return this.#files.map(({ yaml }) => yaml.value)
  }

  /** Nothing more can be said of a file that is not YAML. */
  get readable(): boolean {
    return this.#files.every(({ yaml }) => yaml.value !== undefined || yaml.problems.length === 0)
  }

  readonly expanded = (path: Path): boolean => this.#owner(path)?.yaml.expanded(path) ?? false

  /** The problems of the files themselves, and those given, each with its file. */
  placed(problems: readonly ConfigProblem[]): readonly PlacedProblem[] {
    const own = this.#files.flatMap(({ file, yaml }) =>
      yaml.problems.map((problem) => ({ ...problem, file })),
    )
    const last = this.#files.at(-1)?.file ?? 'pipeline'
    const later = problems.map((problem) => ({
      ...problem,
      file: this.#owner(pathOf(problem.key))?.file ?? last,
    }))
    return [...own, ...later]
  }

  /** The last file that has the key, or the nearest one above it. */
  #owner(path: Path): ReadFile | undefined {
    for (let length = path.length; length >= 0; length--) {
      const found = this.#files.findLast(({ yaml }) => has(yaml.value, path.slice(0, length)))
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** Later values go over earlier ones: sections key by key, lists and plain values as a whole. */
export function merged(values: readonly unknown[]): unknown {
  return values.reduce<unknown>((below, above) => {
    if (above === undefined) return below
    if (!isSection(below) || !isSection(above)) return above
    const keys = new Set([...Object.keys(below), ...Object.keys(above)])
    return Object.fromEntries([...keys].map((key) => [key, merged([below[key], above[key]])]))
  }, {})
}

/** One error for all problems: exit 2, a line each. */
export function pipelineError(problems: readonly PlacedProblem[]): TidemarkError {
  const lines = problems.map((problem) => problemText(problem, problem.file))
  const [first = 'The pipeline cannot be understood'] = lines
  const files = [...new Set(problems.map(({ file }) => file))].join(', ')
  const [code = 'CONFIG_INVALID', ...others] = new Set(problems.map((problem) => problem.code))
  const message =
    lines.length === 1 ? first : `${files} has ${lines.length} problems\n  ${lines.join('\n  ')}`
  return new TidemarkError(others.length === 0 ? code : 'CONFIG_INVALID', message, {
    details: { file: files, problems },
    hint: 'docs/pipeline.md lists every key; `kafka-backup config validate -c FILE` checks a file without running it.',
  })
}

function has(value: unknown, path: Path): boolean {
  let at = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return false
    at = (at as Record<string | number, unknown>)[part]
  }
  return value !== undefined
}

/** `a."b.c"[2]` → `['a', 'b.c', 2]`: the way back from `keyText`. */
function pathOf(key: string): Path {
  return [...key.matchAll(/"((?:[^"\\]|\\.)*)"|\[(\d+)\]|([^.[\]"]+)/g)].map(([whole, , index]) => {
    if (index !== undefined) return Number(index)
    return whole.startsWith('"') ? (JSON.parse(whole) as string) : whole
  })
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
