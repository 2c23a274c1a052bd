/**
 * `npm run bench [-- MEASURE …] [--rounds N] [--scale F]`: every figure that the project claims, each with its rival in the same run,
 * alternating, medians. Results go to `bench/results/`. `--scale 0.1` takes a tenth of the data, for a quick look.
 */
import { parseArgs } from 'node:util'
import { saveResults } from './report.ts'
import { coolMemory } from './warm-memory.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, scale: { type: 'string', default: '1' } },
})
const rounds = Number(values.rounds)
const scale = Number(values.scale)

const measures: Readonly<Record<string, () => Promise<void>>> = {
  throughput: async () => (await import('./measures/throughput.ts')).throughput(rounds, scale),
  limit: async () => (await import('./measures/limit.ts')).shareOfLimit(rounds, scale),
  'many-topics': async () =>
    (await import('./measures/many-topics.ts')).manyTopics(rounds, Math.round(3000 * scale)),
  buckets: async () => (await import('./measures/buckets.ts')).buckets(rounds, scale),
  memory: async () => (await import('./measures/memory.ts')).memory(rounds, scale),
  'start-up': async () => (await import('./measures/start-up.ts')).startUp(rounds),
  storage: async () => (await import('./measures/storage.ts')).storage(rounds, scale),
  records: async () => (await import('./measures/records.ts')).records(rounds, scale),
  'archive-million': async () =>
    (await import('./measures/archive-million.ts')).archiveMillion(rounds, scale),
  'header-scan': async () => (await import('./measures/header-scan.ts')).headerScan(rounds, scale),
  'offset-map': async () => (await import('./measures/offset-map.ts')).offsetMap(scale),
  'bulk-reset': async () => (await import('./measures/bulk-reset.ts')).bulkReset(rounds, scale),
  'bulk-reset-script': async () => (await import('./measures/bulk-reset.ts')).bulkResetScript(rounds, scale),
  'group-positions': async () =>
    (await import('./measures/group-positions.ts')).groupPositions(rounds, scale),
  replication: async () => (await import('./measures/replication.ts')).replication(rounds, scale),
  'replication-kills': async () => (await import('./measures/replication-kills.ts')).replicationKills(scale),
  'replication-groups': async () =>
    (await import('./measures/replication-groups.ts')).replicationGroups(rounds, scale),
  'replication-latency': async () =>
    (await import('./measures/replication-latency.ts')).replicationLatency(rounds, scale),
}

const chosen = positionals.length > 0 ? positionals : Object.keys(measures)
try {
  for (const name of chosen) {
    const measure = measures[name]
    if (!measure) throw new Error(`No measure ${name}; there are ${Object.keys(measures).join(', ')}`)
    process.stdout.write(`\n== ${name}\n`)
    await measure()
  }
} finally {
  await coolMemory()
}
await saveResults()
