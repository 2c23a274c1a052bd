import type { ChunkCodec } from './model.ts'
import { digits20, isRunId } from './names.ts'

/** Keys of a backup's objects, relative to the backup. `docs/format.md` has the layout. */
export const keys = Object.freeze({
  identity: 'backup.json',
  commits: 'commits/',
  commit: (number: number) => `commits/${digits20(number)}.json`,
  topics: 'topics/',
  packs: 'packs/',
  positionsFolder: 'positions/',
  positions: (run: string, n: number) => `positions/${run}-${serial(n)}.json.zst`,
  checkpoints: 'checkpoints/',
  checkpointRoot: (commit: number) => `checkpoints/${digits20(commit)}/root.json`,
  checkpointIndex: (commit: number, run: string) => `checkpoints/${digits20(commit)}/${run}.index`,
  writers: 'writers/',
  writer: (run: string) => `writers/${run}.json`,
  restores: 'restores/',
})

/** Number of a commit from its key, or undefined for another object. */
export function commitOf(key: string): number | undefined {
  return numbered(/^commits\/(\d{20})\.json$/, key)
}

/** Number of the commit of a checkpoint from the key of its root, or undefined for another object. */
export function checkpointOf(key: string): number | undefined {
  return numbered(/^checkpoints\/(\d{20})\/root\.json$/, key)
}

function numbered(pattern: RegExp, key: string): number | undefined {
  const found = Number(pattern.exec(key)?.[1] ?? Number.NaN)
  return Number.isSafeInteger(found) && found > 0 ? found : undefined
}

/** How a data object is named: a pack, or the objects of one partition by codec. The order is that of the format's numbers. */
export const objectForms = ['pack', 'none', 'zstd', 'lz4', 'gzip'] as const
const suffixes: Readonly<Record<ChunkCodec, string>> = { none: '', zstd: '.zst', lz4: '.lz4', gzip: '.gz' }

/** What the key of a data object says. */
export type DataKey =
  | { readonly form: 'pack'; readonly run: string; readonly number: number }
  | {
      readonly form: ChunkCodec
      readonly run: string
      readonly number: number
      readonly topic: string
      readonly partition: number
      readonly first: bigint
    }

export function dataKey(key: DataKey): string {
  const maker = `${key.run}-${serial(key.number)}`
  if (key.form === 'pack') return `packs/${maker}.pack`
  return `topics/${key.topic}/${key.partition}/${digits20(key.first)}.${maker}.log${suffixes[key.form]}`
}

const packPattern = /^packs\/([A-Za-z0-9_-]+)-(\d{6,})\.pack$/
const logPattern =
  /^topics\/([A-Za-z0-9._-]{1,249})\/(\d{1,10})\/(\d{20})\.([A-Za-z0-9_-]+)-(\d{6,})\.log(\.zst|\.lz4|\.gz)?$/

/** Takes the key of a data object apart; undefined when it is none as this format makes them. */
export function parseDataKey(key: string): DataKey | undefined {
  const parsed = parsePack(key) ?? parseLog(key)
  // What comes out must say the same again: leading zeros and the like are not ours.
  return parsed && isRunId(parsed.run) && dataKey(parsed) === key ? parsed : undefined
}

function parsePack(key: string): DataKey | undefined {
  const [, run, number] = packPattern.exec(key) ?? []
  return run !== undefined && number !== undefined ? { form: 'pack', run, number: Number(number) } : undefined
}

function parseLog(key: string): DataKey | undefined {
  const [, topic, partition, first, run, number, suffix = ''] = logPattern.exec(key) ?? []
  if (topic === undefined || partition === undefined || first === undefined) return undefined
  if (run === undefined || number === undefined || topic === '.' || topic === '..') return undefined
  const form = objectForms.find((form) => form !== 'pack' && suffixes[form] === suffix)
  if (form === undefined || form === 'pack') return undefined
  return { form, run, number: Number(number), topic, partition: Number(partition), first: BigInt(first) }
}

function serial(n: number): string {
  return String(n).padStart(6, '0')
}
