import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidemarkError } from '../../src/base/index.ts'
import { checkStore, requireIfAbsent } from '../../src/storage/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectWriter, PutOptions } from '../../src/storage/store.ts'

async function failures(store: MemoryStore): Promise<readonly string[]> {
  return (await checkStore(store)).filter((result) => !result.ok).map((result) => result.name)
}

test('the suite passes on a sound store and leaves nothing', async () => {
  const store = new MemoryStore()
  assert.deepEqual(await failures(store), [])
  for await (const info of store.list('')) assert.fail(info.key)
})

test('the suite finds a store that ignores "if absent"', async () => {
  class Careless extends MemoryStore {
    override put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
      return super.put(key, bytes, { ...options, ifAbsent: false })
    }
  }
  assert.deepEqual(await failures(new Careless()), ['if-absent', 'if-absent-race'])
  await assert.rejects(requireIfAbsent(new Careless(), ''), { code: 'STORAGE_UNSUPPORTED' })
  await requireIfAbsent(new MemoryStore(), 'some/prefix/')
})

test('the suite finds a store that checks for absence and then writes, without atomicity', async () => {
  class Racy extends MemoryStore {
    override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
      if (options.ifAbsent && (await this.head(key)) !== undefined) return false
      await new Promise((resolve) => setImmediate(resolve))
      return await super.put(key, bytes, { ...options, ifAbsent: false })
    }
  }
  assert.deepEqual(await failures(new Racy()), ['if-absent-race'])
})

test('the suite finds a store that shows objects before they are closed', async () => {
  class Early extends MemoryStore {
    override async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
      const writer = await super.create(key, options)
      await this.put(key, Buffer.from('half'))
      return writer
    }
  }
  assert.deepEqual(await failures(new Early()), ['signals', 'invisible-until-close', 'abort'])
})

test('the suite finds a store that lists by folders, or no more than a thousand objects', async () => {
  class ByFolder extends MemoryStore {
    override async *list(prefix: string, options: CallOptions & { readonly startAfter?: string } = {}) {
      const all: ObjectInfo[] = []
      for await (const info of super.list(prefix, options)) all.push(info)
      const folders = (info: ObjectInfo) => info.key.replaceAll('/', '\u0001')
      yield* all.sort((a, b) => (folders(a) < folders(b) ? -1 : 1))
    }
  }
  const found = await failures(new ByFolder())
  assert.ok(found.includes('order'), String(found))
  class Short extends MemoryStore {
    override async *list(prefix: string, options: CallOptions & { readonly startAfter?: string } = {}) {
      let n = 0
      for await (const info of super.list(prefix, options)) if (n++ < 1000) yield info
    }
  }
  assert.deepEqual(await failures(new Short()), ['many-objects'])
})

test('the suite finds a store that keeps memory which the caller uses again', async () => {
  class Lazy extends MemoryStore {
    override async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
      const pieces: Uint8Array[] = []
      const writer = await super.create(key, options)
      let size = 0
      return {
        get size() {
          return size
        },
        write: async (bytes) => {
          for (const piece of [bytes].flat() as Uint8Array[]) {
            pieces.push(piece)
            size += piece.length
          }
        },
        close: async (call) => {
          await writer.write(pieces.splice(0))
          await writer.close(call)
        },
        abort: () => writer.abort(),
      }
    }
  }
  const found = await failures(new Lazy())
  assert.ok(found.includes('big-object'), String(found))
})

test('the suite finds wrong ranges, and reads beyond the end that are not refused', async () => {
  class Padded extends MemoryStore {
    override async read(key: string, position: number, target: Buffer): Promise<void> {
      const bytes = await this.get(key)
      bytes.copy(target, 0, position)
    }
  }
  assert.deepEqual(await failures(new Padded()), ['ranges', 'signals'])
})

test('the suite finds objects that cannot be removed', async () => {
  class Sticky extends MemoryStore {
    override async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
      await super.delete(
        keys.filter((key) => !key.endsWith('begin')),
        options,
      )
    }
  }
  assert.deepEqual(await failures(new Sticky()), ['cleanup'])
})

test('a store that cannot be used at all is an error, not a list of broken promises', async () => {
  class Denied extends MemoryStore {
    override put(): Promise<boolean> {
      return Promise.reject(new TidemarkError('STORAGE_DENIED', 'no'))
    }
  }
  await assert.rejects(checkStore(new Denied()), { code: 'STORAGE_DENIED' })
})

test('an interrupted suite ends with the reason and removes what it made', async () => {
  const store = new MemoryStore()
  const stop = new AbortController()
  const reason = new Error('enough')
  let results = 0
  const checking = checkStore(store, {
    signal: stop.signal,
    onResult: () => {
      if (++results === 5) stop.abort(reason)
    },
  })
  await assert.rejects(checking, reason)
  assert.equal(results, 5)
  for await (const info of store.list('')) assert.fail(info.key)
})
