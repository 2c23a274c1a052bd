import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupState } from '../../src/archive/backup-state.ts'
import { Checkpointing } from '../../src/archive/checkpointing.ts'
import type { PartitionEntry, StoredObject } from '../../src/archive/commit-record.ts'
import { Committer } from '../../src/archive/committer.ts'
import { decodeIdentity, encodeIdentity } from '../../src/archive/identity.ts'
import type { Chunk } from '../../src/archive/index.ts'
import { dataKey, keys } from '../../src/archive/keys.ts'
import { newToken } from '../../src/archive/names.ts'
import { BackupPlace } from '../../src/archive/place.ts'
import { thisWriter } from '../../src/archive/writer-entry.ts'
import { noTelemetry, systemClock } from '../../src/base/index.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { account, median } from '../child.ts'
import { found } from '../report.ts'

const chunksPerCommit = 1024
const chunksPerObject = 16
const recordsPerChunk = 8000
const chunkBytes = 8 * 1024 * 1024
const program = new URL('../programs/archive-open.ts', import.meta.url).pathname

interface Shape {
  readonly name: string
  readonly topics: number
  readonly partitions: number
}

const shapes: readonly Shape[] = [
  { name: '100 topics of 10 partitions', topics: 100, partitions: 10 },
  { name: 'one topic of 100 partitions', topics: 1, partitions: 100 },
]

/**
 * What it takes to open, list and plan the restore of one topic in a backup of a million chunks. The chunks are invented, commits and
 * checkpoints are made by the code that makes them for a real backup. Each question is asked of a fresh process.
 */
export async function archiveMillion(rounds: number, scale: number): Promise<void> {
  for (const shape of shapes) {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-million-'))
    try {
      const chunks = Math.round(1_000_000 * scale)
      const seconds = await generate(folder, shape, chunks)
      found({
        question: `a backup of ${chunks} chunks, ${shape.name}: making its index`,
        reach: '',
        value: `${seconds.toFixed(1)} s`,
      })
      for (const action of ['open', 'list', 'plan'] as const) await ask(folder, shape, action, rounds)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function ask(folder: string, shape: Shape, action: string, rounds: number): Promise<void> {
  const times: number[] = []
  const memory: number[] = []
  for (let round = 0; round < rounds; round++) {
    const run = await account([process.execPath, program, action, folder], join(folder, 'log'))
    times.push(run.wall)
    memory.push(run.memory)
  }
  found({
    question: `${shape.name}: ${action}, the whole process`,
    reach: '< 2 s, < 300 MB',
    value: `${median(times).toFixed(2)} s, ${(median(memory) / 1e6).toFixed(0)} MB`,
  })
}

/** Commits of invented chunks; answers the seconds that it took. */
async function generate(folder: string, shape: Shape, chunks: number): Promise<number> {
  const started = performance.now()
  await using store = new FilesystemStore(folder)
  const place = new BackupPlace(store, 'million')
  const identity = encodeIdentity(
    {
      formatVersion: 1,
      backupId: 'million',
      sourceClusterId: 'invented',
      sourceName: undefined,
      created: Date.now(),
      software: 'bench',
    },
    newToken(),
  )
  await place.put(keys.identity, identity, { ifAbsent: true })
  const state = new BackupState(decodeIdentity(identity, 'million'))
  const writer = thisWriter('bench', Date.now())
  const committer = new Committer(place, state, writer)
  const checkpointing = new Checkpointing({
    place,
    state,
    writer,
    clock: systemClock,
    telemetry: noTelemetry,
    every: 64,
  })
  const next = new Map<string, bigint>()
  const lines = Array.from({ length: shape.topics * shape.partitions }, (_, i) => ({
    topic: `topic-${Math.floor(i / shape.partitions)}`,
    topicId: undefined,
    partition: i % shape.partitions,
  }))
  let at = 0
  for (let made = 0; made < chunks; ) {
    const objects: StoredObject[] = []
    const partitions: PartitionEntry[] = []
    for (let inCommit = 0; inCommit < chunksPerCommit && made < chunks; ) {
      const line = lines[at++ % lines.length]
      if (!line) break
      const count = Math.min(chunksPerObject, chunks - made)
      partitions.push(entryOf(line, next, count, objects))
      made += count
      inCommit += count
    }
    const topics =
      state.head > 0
        ? []
        : lines.filter(({ partition }) => partition === 0).map(({ topic }) => described(topic, shape))
    await committer.commit({
      written: Date.now(),
      final: made === chunks,
      objects,
      topics,
      partitions,
      positions: undefined,
    })
    await checkpointing.afterCommit()
  }
  return (performance.now() - started) / 1000
}

function described(name: string, shape: Shape) {
  return {
    name,
    topicId: undefined,
    partitions: shape.partitions,
    replicationFactor: 3,
    configs: { 'retention.ms': '-1' },
    inherited: {},
  }
}

let objectNumber = 0

function entryOf(
  line: { readonly topic: string; readonly topicId: undefined; readonly partition: number },
  next: Map<string, bigint>,
  count: number,
  objects: StoredObject[],
): PartitionEntry {
  const name = `${line.topic}/${line.partition}`
  const from = next.get(name) ?? 0n
  const key = dataKey({ form: 'zstd', run: 'bench', number: ++objectNumber, ...line, first: from })
  let size = 0
  let first = from
  const chunks = Array.from({ length: count }, (): Chunk => {
    const storedLength = 1_000_000 + Math.floor(Math.random() * 2_000_000)
    const lastOffset = first + BigInt(recordsPerChunk + Math.floor(Math.random() * 500)) - 1n
    const chunk: Chunk = {
      ...line,
      firstOffset: first,
      lastOffset,
      records: Number(lastOffset - first) + 1,
      maxTimestamp: 1_700_000_000_000n + first,
      largestBatch: 900_000 + Math.floor(Math.random() * 100_000),
      object: key,
      position: size,
      storedLength,
      rawLength: chunkBytes + Math.floor(Math.random() * 100_000),
      codec: 'zstd',
      sha256: randomBytes(32).toString('hex'),
    }
    size += storedLength
    first = lastOffset + 1n
    return chunk
  })
  objects.push({ key, size })
  next.set(name, first)
  return {
    account: {
      ...line,
      from,
      to: first,
      leaderEpoch: 1,
      aborted: [],
      gaps: [],
      logStartOffset: 0n,
      endOffset: first,
    },
    chunks,
  }
}
