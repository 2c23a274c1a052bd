/**
 * `backup-to-memory.ts BOOTSTRAP TOPIC BYTES`: backups with codec none into memory; prints MB/s of each. The memory, a little more than BYTES, is
 * mapped beforehand and used again by the next, so that no page of it is touched for the first time.
 */
import { runBackup } from '../../src/backup/index.ts'
import { noProgress, noTelemetry, systemClock } from '../../src/base/index.ts'
import { stackStore } from '../../src/storage/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { repeats } from './repeats.ts'

const [bootstrap = '', topic = '', bytes = ''] = process.argv.slice(2)
const arena = Buffer.alloc(Math.round(Number(bytes) * 1.1) + (64 << 20), 1)

await repeats(async () => {
  let used = 0
  const allocate = (size: number): Buffer => {
    const from = used
    used += size
    return arena.subarray(from, used)
  }
  await using store = stackStore(new MemoryStore('bench', allocate), {})
  const report = await runBackup(
    {
      backupId: 'bench',
      source: { bootstrap: [bootstrap] },
      include: [topic],
      exclude: [],
      includeInternal: false,
      internalTopics: [],
      onMissingTopic: 'fail',
      startAt: { type: 'earliest' },
      continuous: false,
      pollInterval: 100,
      isolation: 'read_committed',
      codec: 'none',
      level: undefined,
      objectBytes: 128 << 20,
      commitInterval: 30_000,
      commitBytes: 1 << 30,
      captureGroups: false,
      requireTopicConfigs: false,
      captureTopicConfigs: true,
      sourceName: undefined,
      strict: false,
      memory: 128 << 20,
      fetchMaxBytes: 8 << 20,
    },
    {
      store,
      signal: new AbortController().signal,
      telemetry: noTelemetry,
      progress: noProgress,
      clock: systemClock,
    },
  )
  return report.rawBytes
})
