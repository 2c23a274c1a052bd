/**
 * A worker of a pipeline as a process of its own: `node replicate-program.ts JOB`, where JOB is JSON over the defaults (offsets and
 * times as numbers). Says what it logs, a line each, on stderr, and its report on stdout when it has ended. SIGTERM stops it.
 */
import { isTidemarkError } from '../../src/base/index.ts'
import { type ReplicateJob, replicateDefaults, startReplication } from '../../src/replicate/index.ts'

const job = { ...replicateDefaults, ...JSON.parse(process.argv[2] ?? '{}') } as ReplicateJob
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

const replication = startReplication(job, {
  signal: stop.signal,
  telemetry: {
    log: (level, message, fields) => {
      if (level === 'debug') return
      process.stderr.write(`${JSON.stringify({ level, message, ...fields }, plain)}\n`)
    },
    count: (name, by, labels) => {
      if (name !== 'replicate_source_changes') return
      process.stderr.write(`${JSON.stringify({ level: 'count', message: name, by, ...labels })}\n`)
    },
    gauge() {},
  },
})
const timer = setInterval(() => {
  process.stdout.write(`${JSON.stringify(replication.status(), plain)}\n`)
}, 100)
try {
  const report = await replication.done
  process.stdout.write(`${JSON.stringify(report, plain)}\n`)
} catch (error) {
  const code = isTidemarkError(error) ? error.code : 'INTERNAL'
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', code, message: String(error), stack: (error as Error).stack })}\n`,
  )
  process.exitCode = isTidemarkError(error) ? error.exit : 1
} finally {
  clearInterval(timer)
}
