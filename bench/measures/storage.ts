import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { startS3Server } from '../../test/support/s3-server.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { compared } from '../report.ts'

const chunk = Buffer.alloc(8 * 1024 * 1024, 'not all zeros, in case a disk is clever. ')
const chunksAnObject = 16
const writers = 4

/**
 * How fast stores take and give objects, as a backup does it: four at a time, in chunks of 8 MiB, objects of 128 MiB, durable at the
 * end. The folder is held against `dd`, which does nothing else; the bucket (a whole S3 server on loopback, on the same
 * cores and disk) against the folder.
 */
export async function storage(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench-storage')
  await using server = await startS3Server()
  await server.bucket('bench')
  const objects = Math.max(writers, Math.round(8 * scale))
  const bytes = objects * chunksAnObject * chunk.length
  const rates = { dd: [], folderWrite: [], folderRead: [], bucketWrite: [], bucketRead: [] } as Record<
    'dd' | 'folderWrite' | 'folderRead' | 'bucketWrite' | 'bucketRead',
    number[]
  >
  await using plain = await openStore(join(folder.path, 'archive'))
  await using bucket = await openStore(server.spec('bench'))
  for (let round = 0; round < rounds; round++) {
    rates.dd.push(await rate(bytes, async () => dd(join(folder.path, 'dd'), bytes)))
    rates.folderWrite.push(await rate(bytes, () => write(plain, objects)))
    rates.folderRead.push(await rate(bytes, () => read(plain, objects)))
    await empty(plain)
    rates.bucketWrite.push(await rate(bytes, () => write(bucket, objects)))
    rates.bucketRead.push(await rate(bytes, () => read(bucket, objects)))
    await empty(bucket)
  }
  const common = { unit: 'MB/s', better: 'more' } as const
  const { dd: plainWrite, folderWrite, folderRead, bucketWrite, bucketRead } = rates
  compared({
    ...common,
    question: 'writing objects to a folder, synced',
    rival: 'dd with fsync',
    reach: '',
    ours: folderWrite,
    theirs: plainWrite,
  })
  compared({
    ...common,
    question: 'writing objects to S3 on the same machine',
    rival: 'the same to a folder',
    reach: '≥ 0.7×',
    ours: bucketWrite,
    theirs: folderWrite,
  })
  compared({
    ...common,
    question: 'reading chunks from S3 on the same machine',
    rival: 'the same from a folder, out of the page cache',
    reach: '',
    ours: bucketRead,
    theirs: folderRead,
  })
}

async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return bytes / 1e3 / (performance.now() - began)
}

function dd(file: string, bytes: number): void {
  const count = Math.round(bytes / chunk.length)
  const script = `dd if=/dev/zero of="$1" bs=${chunk.length} count=${count} conv=fsync && rm "$1"`
  execFileSync('sh', ['-c', script, 'sh', file], { stdio: 'ignore' })
}

async function write(store: ObjectStore, objects: number): Promise<void> {
  await inTurns(objects, async (object) => {
    const writer = await store.create(`topic/${object % writers}/${object}.log`)
    for (let i = 0; i < chunksAnObject; i++) await writer.write(chunk)
    await writer.close()
  })
}

async function read(store: ObjectStore, objects: number): Promise<void> {
  await inTurns(objects, async (object) => {
    const target = Buffer.allocUnsafeSlow(chunk.length)
    for (let i = 0; i < chunksAnObject; i++) {
      await store.read(`topic/${object % writers}/${object}.log`, i * chunk.length, target)
    }
  })
}

async function inTurns(objects: number, work: (object: number) => Promise<void>): Promise<void> {
  const left = Array.from({ length: objects }, (_, i) => i).values()
  const worker = async () => {
    for (const object of left) await work(object)
  }
  await Promise.all(Array.from({ length: writers }, worker))
}

async function empty(store: ObjectStore): Promise<void> {
  const keys: string[] = []
  for await (const info of store.list('')) keys.push(info.key)
  await store.delete(keys)
}
