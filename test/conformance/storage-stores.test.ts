import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { noTelemetry } from '../../src/base/index.ts'
import { FaultStore } from '../../src/storage/faults.ts'
import { FilesystemStore } from '../../src/storage/filesystem.ts'
import { checkStore, type ObjectStore, openStore } from '../../src/storage/index.ts'
import { LimitStore } from '../../src/storage/limit.ts'
import { LogStore } from '../../src/storage/log.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { RetryStore } from '../../src/storage/retry.ts'
import { S3Store } from '../../src/storage/s3.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

let folder: TempFolder
let server: S3Server

before(async () => {
  folder = await tempFolder('conformance')
  server = await startS3Server()
  await server.bucket('archive')
})

after(async () => {
  await server?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

/** Every driver bare, and every wrapper around one of them; the last is what the program uses. */
const stores: Readonly<Record<string, () => Promise<ObjectStore> | ObjectStore>> = {
  'the memory driver': () => new MemoryStore(),
  'the filesystem driver': () => new FilesystemStore(`${folder.path}/plain`),
  'the S3 driver on a whole bucket': () => S3Store.open(server.spec('archive')),
  'the S3 driver below a prefix': () => S3Store.open(server.spec('archive', { prefix: 'a/deep prefix+é' })),
  'the retry wrapper': () => new RetryStore(new MemoryStore()),
  'the limit wrapper': () => new LimitStore(new FilesystemStore(`${folder.path}/limit`), { calls: 2 }),
  'the log wrapper': () => new LogStore(new FilesystemStore(`${folder.path}/log`), noTelemetry),
  'the fault wrapper without faults': () => new FaultStore(new MemoryStore(), []),
  'all wrappers around a folder': () =>
    openStore(`${folder.path}/all`, { telemetry: noTelemetry, limits: { calls: 3 } }),
  'all wrappers around S3': () =>
    openStore(server.spec('archive', { prefix: 'all' }), { telemetry: noTelemetry, limits: { calls: 8 } }),
}

for (const [name, open] of Object.entries(stores)) {
  describe(`${name} keeps every promise of a store`, () => {
    test('the suite passes and removes what it made', async (t) => {
      await using store = await open()
      const results = await checkStore(store)
      assert.equal(results.length, 17)
      for (const result of results) {
        await t.test(result.promise, () => {
          if (!result.ok) throw result.error
        })
      }
      for await (const info of store.list('')) assert.fail(`${info.key} was left behind`)
    })
  })
}
