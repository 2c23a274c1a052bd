/** `backup-to-memory.ts BOOTSTRAP TOPIC`: a backup with codec none into a store that keeps nothing on disk; prints its MB/s. */
import { runBackup } from '../../src/backup/index.ts'
import { noProgress, noTelemetry, systemClock } from '../../src/base/index.ts'
import { openStore } from '../../src/storage/index.ts'

const [bootstrap = '', topic = ''] = process.argv.slice(2)
await using store = await openStore('memory://bench', {})
const started = performance.now()
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
process.stdout.write(`${report.rawBytes / 1000 / (performance.now() - started)}\n`)
