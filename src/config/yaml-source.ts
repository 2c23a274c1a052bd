import { isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type Scalar } from 'yaml'
import { isTidemarkError } from '../base/index.ts'
import { type ExpandSources, expandText, hasExpansion } from './expand.ts'
import { type ConfigProblem, type Path, type Place, Problems } from './problems.ts'

/** A YAML document as plain values, with the way back from a value to its place. */
export interface YamlSource {
  /** Null map values are undefined: a key without a value is a key that is not given. */
  readonly value: unknown
  /** What is wrong with the YAML or its expansions. */
  readonly problems: readonly ConfigProblem[]
  /** Where the key or item at the path is, or what is nearest above it. */
  locate(path: Path): Place | undefined
  /** Whether the value at the path came from the environment or a file: then no message shows it. */
  expanded(path: Path): boolean
}

/** Values in a document, aliases counted each time: more is not a configuration but an attack or an accident. */
const largest = 50_000

/**
 * Parses YAML 1.2 (and so JSON), with anchors and merge keys, and expands `${…}` in every scalar and key. Expansion happens
 * after parsing: what a variable holds can never change the structure of the document. An unquoted scalar is typed after
 * expansion, so that `port: ${PORT}` is a number.
 */
export function readYaml(text: string, sources: ExpandSources): YamlSource {
  const lines = new LineCounter()
  const document = parseDocument(maskExpansions(text), { lineCounter: lines, merge: true, intAsBigInt: true })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const locate = (path: Path) => {
    const offset = offsetOf(document.contents, path)
    return offset === undefined ? undefined : place(offset)
  }
  const problems = new Problems(locate)
  const expanded = new Set<string>()
  let visited = 0
  for (const fault of document.errors) {
    problems.add([], `is not YAML: ${faultText(fault.message)}`, { place: place(fault.pos[0]) })
  }

  function plain(node: unknown, path: Path): unknown {
    visited++
    if (path.length > 40 || visited > largest) {
      if (!problems.touches([])) problems.add(path.slice(0, 1), 'is too large or nested too deeply')
      return undefined
    }
    if (isAlias(node)) return plain(node.resolve(document), path)
    if (isScalar(node)) return scalar(node, path)
    if (isSeq(node)) return node.items.map((item, index) => plain(item, [...path, index]) ?? null)
    if (!isMap(node)) return undefined
    const own: [string, unknown][] = []
    const merged: [string, unknown][] = []
    for (const pair of node.items) {
      const key = keyText(pair, path)
      if (key === undefined) continue
      const value = plain(pair.value, [...path, key])
      if (key === '<<') merged.push(...entriesOf(value))
      else own.push([key, value])
    }
    return Object.fromEntries([...merged, ...own])
  }

  function keyText(pair: Pair, path: Path): string | undefined {
    const raw = rawKey(pair)
    if (raw === undefined) problems.add(path, 'has a key that is not plain text')
    return raw === undefined ? undefined : (expand(raw, [...path, raw]) ?? raw)
  }

  function scalar(node: Scalar, path: Path): unknown {
    const read = node.value
    if (read === null) return undefined
    if (typeof read === 'bigint') return narrow(read)
    if (typeof read !== 'string') return read
    const text = unmask(read)
    if (!hasExpansion(text)) return text
    expanded.add(JSON.stringify(path))
    return expand(text, path)
  }

  function expand(raw: string, path: Path): string | undefined {
    try {
      return hasExpansion(raw) ? expandText(raw, sources) : raw
    } catch (error) {
      if (!isTidemarkError(error)) throw error
      problems.addError(path, error)
      return undefined
    }
  }

  const value = document.errors.length > 0 ? undefined : plain(document.contents, [])
  return { value, problems: problems.list, locate, expanded: (path) => expanded.has(JSON.stringify(path)) }
}

/** Where ASCII lies while an expansion is masked: private-use characters, of no meaning to YAML and of the same width. */
const maskBase = 0xf700

/** Hides `${…}` from the parser, so that braces, colons and commas in it need no quotes: `[${SERVERS}]`. */
function maskExpansions(text: string): string {
  if (/[\uf700-\uf77f]/.test(text)) return text
  return text.replaceAll(/\$?\$\{[^}\n]*\}/g, (found) =>
    found.replaceAll(/[\x20-\x7e]/g, (c) => String.fromCharCode(maskBase + c.charCodeAt(0))),
  )
}

function unmask(text: string): string {
  return text.replaceAll(/[\uf700-\uf77f]/g, (c) => String.fromCharCode(c.charCodeAt(0) - maskBase))
}

/** Offset in the text of the key (in a map) or item (in a list) at the path, or of the nearest place above it. */
function offsetOf(root: unknown, path: Path): number | undefined {
  let node: unknown = root
  let offset = startOf(root)
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => rawKey(item) === part)
      if (pair === undefined) return offset
      offset = startOf(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      offset = startOf(node) ?? offset
    } else {
      return offset
    }
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined
}

function rawKey(pair: Pair): string | undefined {
  const key: unknown = pair.key
  if (!isScalar(key)) return typeof key === 'string' ? key : undefined
  if (typeof key.value === 'string') return unmask(key.value)
  return typeof key.value === 'symbol' ? '<<' : (key.source ?? String(key.value))
}

function entriesOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return [...value].reverse().flatMap(entriesOf)
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function faultText(message: string): string {
  return unmask(message)
    .replace(/ at line \d+, column \d+:[\s\S]*$/, '')
    .replace(/\n[\s\S]*$/, '')
}
