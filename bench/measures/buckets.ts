import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type S3Server, startMinio, startS3Server } from '../../test/support/s3-server.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { median, type Run } from '../child.ts'
import { benchCluster, type DataSet, dataSets, deleteTopic, fill } from '../data.ts'
import { canPin, ourCore, pin, serverCore, unpin } from '../pin.ts'
import { compared, found } from '../report.ts'
import { type JobFile, ourBackup, ourRestore } from '../sides.ts'

const jobs = ['backup', 'restore'] as const
const sides = ['folder', 'bucket'] as const
type Job = (typeof jobs)[number]
type Side = (typeof sides)[number]

/** A run of ours, and what the server used meanwhile. */
interface Measured {
  readonly run: Run
  /** CPU seconds. */
  readonly server: number
}

/**
 * Whole backups to and restores from a bucket against the same with a folder, uncompressed and with the default codec. Twice: on S3
 * servers that share cores and disk with the broker and us, where what the server does with the bytes (MD5, which S3 wants)
 * is taken from our own share; and with a core for the server, another one for the broker and us on both sides, as near as
 * one machine comes to a store somewhere else.
 */
export async function buckets(rounds: number, scale: number): Promise<void> {
  await measureAll(rounds, scale, false)
  if (!canPin()) return
  pin(process.pid, ourCore)
  try {
    await measureAll(rounds, scale, true)
  } finally {
    unpin(process.pid)
  }
}

async function measureAll(rounds: number, scale: number, apart: boolean): Promise<void> {
  await using folder = await tempFolder('bench')
  const [set] = dataSets(scale)
  if (!set) throw new Error('no data set')
  await using source = await benchCluster()
  await fill(source.bootstrap, set)
  await using target = await benchCluster()
  for (const startServer of [startS3Server, startMinio]) {
    await using server = await startServer()
    if (apart) pin(server.pid, serverCore)
    for (const compression of ['none', 'zstd'] as const) {
      const job = { folder: folder.path, topics: [set.topic], compression, archive: 'folder' } as const
      const measured = empty()
      for (let round = 0; round < rounds; round++) {
        const bucket = `${compression}-${round}`
        await server.bucket(bucket)
        for (const side of sides) {
          const here = { ...job, ...(side === 'bucket' && { storage: section(server, bucket) }) }
          for (const [name, at] of [
            ['backup', source],
            ['restore', target],
          ] as const) {
            measured[name][side].push(await measure(server, name, { ...here, bootstrap: at.bootstrap }))
          }
          await deleteTopic(target.bootstrap, set.topic)
        }
        await rm(server.folder(bucket), { recursive: true, force: true })
        await rm(join(folder.path, 'folder'), { recursive: true, force: true })
      }
      const where = `${server.name}${apart ? ' on a core of its own' : ''}`
      for (const name of jobs) report(`${name} (${compression}), bucket on ${where}`, set, measured[name])
    }
  }
}

function empty(): Record<Job, Record<Side, Measured[]>> {
  return { backup: { bucket: [], folder: [] }, restore: { bucket: [], folder: [] } }
}

async function measure(server: S3Server, name: Job, job: JobFile): Promise<Measured> {
  const before = await server.cpuSeconds()
  const run = name === 'backup' ? await ourBackup(job) : await ourRestore(job)
  return { run, server: (await server.cpuSeconds()) - before }
}

function report(question: string, set: DataSet, { bucket, folder }: Record<Side, readonly Measured[]>): void {
  const rival = 'the same with a folder'
  const rate = (of: readonly Measured[]) => of.map(({ run }) => set.bytes / 1e6 / run.wall)
  const seconds = (of: readonly Measured[]) => of.map(({ run }) => cpu(run, set))
  const ours = rate(bucket)
  compared({ question, rival, reach: '≥ 0.7×', unit: 'MB/s', ours, theirs: rate(folder), better: 'more' })
  compared({
    question: `${question}: our CPU for a GB`,
    rival,
    reach: '',
    unit: 's',
    ours: seconds(bucket),
    theirs: seconds(folder),
    better: 'less',
  })
  const server = median(bucket.map((of) => (of.server / set.bytes) * 1e9))
  const memory = median(bucket.map(({ run }) => run.memory / 1e6))
  found({ question: `${question}: the server's CPU for a GB`, reach: '', value: `${server.toFixed(2)} s` })
  found({ question: `${question}: our peak memory`, reach: '', value: `${memory.toFixed(0)} MB` })
}

function cpu({ user, system }: Run, set: DataSet): number {
  return ((user + system) / set.bytes) * 1e9
}

function section(server: S3Server, bucket: string): string {
  const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: region } = server.env
  return `storage:
  backend: s3
  bucket: ${bucket}
  endpoint: ${server.endpoint}
  region: ${region}
  access_key: ${key}
  secret_key: ${secret}
`
}
