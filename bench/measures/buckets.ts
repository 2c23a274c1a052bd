import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startS3Server } from '../../test/support/s3-server.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { median, type Run } from '../child.ts'
import { benchCluster, dataSets, deleteTopic, fill } from '../data.ts'
import { compared, found } from '../report.ts'
import { type JobFile, ourBackup, ourRestore } from '../sides.ts'

/** Whole backups to and restores from a bucket, on an S3 server that shares cores and disk, against the same with a folder. */
export async function buckets(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using server = await startS3Server()
  const [set] = dataSets(scale)
  if (!set) throw new Error('no data set')
  await using source = await benchCluster()
  await fill(source.bootstrap, set)
  await using target = await benchCluster()
  const job = { folder: folder.path, topics: [set.topic], compression: 'none', archive: 'folder' } as const
  const runs: Record<'backup' | 'restore', Record<'bucket' | 'folder', Run[]>> = {
    backup: { bucket: [], folder: [] },
    restore: { bucket: [], folder: [] },
  }
  for (let round = 0; round < rounds; round++) {
    const bucket = `round-${round}`
    await server.bucket(bucket)
    const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: region } = server.env
    const storage = `storage:
  backend: s3
  bucket: ${bucket}
  endpoint: ${server.endpoint}
  region: ${region}
  access_key: ${key}
  secret_key: ${secret}
`
    for (const side of ['folder', 'bucket'] as const) {
      const here: Omit<JobFile, 'bootstrap'> = side === 'bucket' ? { ...job, storage } : job
      runs.backup[side].push(await ourBackup({ ...here, bootstrap: source.bootstrap }))
      runs.restore[side].push(await ourRestore({ ...here, bootstrap: target.bootstrap }))
      await deleteTopic(target.bootstrap, set.topic)
    }
    await rm(server.folder(bucket), { recursive: true, force: true })
    await rm(join(folder.path, 'folder'), { recursive: true, force: true })
  }
  for (const [name, { bucket, folder: local }] of Object.entries(runs)) {
    const rate = (of: readonly Run[]) => of.map((run) => set.bytes / 1e6 / run.wall)
    compared({
      question: `${name} with a bucket on the same machine`,
      rival: 'the same with a folder',
      reach: '≥ 0.7×',
      unit: 'MB/s',
      ours: rate(bucket),
      theirs: rate(local),
      better: 'more',
    })
    const memory = median(bucket.map((run) => run.memory / 1e6))
    found({ question: `${name} with a bucket: peak memory`, reach: '', value: `${memory.toFixed(0)} MB` })
  }
}
