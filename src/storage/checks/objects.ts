import { codeOf, distinctBytes, expect, listAll, type StoreCheck } from './check.ts'

/** Whole objects: written, read, replaced, deleted. */
export const objectChecks: readonly StoreCheck[] = [
  {
    name: 'put-get',
    promise: 'An object is read back byte for byte, also when it is put as many pieces.',
    async run({ store, prefix, signal }) {
      const bytes = distinctBytes(100_003)
      const pieces = [
        bytes.subarray(0, 1),
        Buffer.alloc(0),
        bytes.subarray(1, 70_000),
        bytes.subarray(70_000),
      ]
      expect(await store.put(`${prefix}one`, bytes, { signal }), 'A put does not answer that it was made.')
      expect(
        await store.put(`${prefix}many`, pieces, { signal }),
        'A put of pieces does not answer that it was made.',
      )
      for (const name of ['one', 'many']) {
        const read = await store.get(prefix + name, { signal })
        expect(read.equals(bytes), `An object put as ${name} is read back with other bytes.`)
      }
    },
  },
  {
    name: 'empty-object',
    promise: 'An object without bytes exists and is read back as such.',
    async run(bench) {
      const { store, prefix, signal } = bench
      await store.put(`${prefix}put`, Buffer.alloc(0), { signal })
      const writer = await store.create(`${prefix}created`, { signal })
      await writer.close({ signal })
      for (const name of ['put', 'created']) {
        const info = await store.head(prefix + name, { signal })
        expect(info?.size === 0, `An empty object is reported as ${info ? `${info.size} bytes` : 'absent'}.`)
        const read = await store.get(prefix + name, { signal })
        expect(read.length === 0, `An empty object is read as ${read.length} bytes.`)
      }
      const listed = await listAll(bench, '')
      expect(listed.length === 2, `Of two empty objects ${listed.length} are listed.`)
    },
  },
  {
    name: 'head',
    promise: 'Size and time of an object are told, and that there is none.',
    async run({ store, prefix, signal }) {
      const before = Date.now()
      await store.put(`${prefix}there`, distinctBytes(4711), { signal })
      const info = await store.head(`${prefix}there`, { signal })
      expect(info?.size === 4711, `An object of 4711 bytes is reported as ${info?.size ?? 'absent'}.`)
      const drift = Math.abs(info.modified - before)
      expect(drift < 24 * 3600_000, `The time of a new object is ${Math.round(drift / 3600_000)} hours off.`)
      expect(
        (await store.head(`${prefix}absent`, { signal })) === undefined,
        'An absent object is reported as there.',
      )
      expect(
        (await store.head(`${prefix}the`, { signal })) === undefined,
        'The beginning of a name passes for an object.',
      )
    },
  },
  {
    name: 'absent',
    promise: 'Reading an absent object fails with STORAGE_NOT_FOUND.',
    async run({ store, prefix, signal }) {
      const code = await codeOf(store.get(`${prefix}absent`, { signal }))
      expect(code === 'STORAGE_NOT_FOUND', `Getting an absent object ends with ${code}.`)
      const range = await codeOf(store.read(`${prefix}absent`, 0, Buffer.alloc(4), { signal }))
      expect(range === 'STORAGE_NOT_FOUND', `Reading a range of an absent object ends with ${range}.`)
    },
  },
  {
    name: 'ranges',
    promise: 'A range is read exactly; one that goes beyond the end fails with ARCHIVE_DAMAGED.',
    async run({ store, prefix, signal }) {
      const bytes = distinctBytes(300_000)
      const key = `${prefix}object`
      await store.put(key, bytes, { signal })
      for (const [from, to] of [
        [0, 1],
        [0, 300_000],
        [1, 2],
        [65_535, 65_537],
        [131_072, 262_144],
        [299_999, 300_000],
      ] as const) {
        const target = Buffer.alloc(to - from)
        await store.read(key, from, target, { signal })
        expect(target.equals(bytes.subarray(from, to)), `Bytes ${from} to ${to} are read wrong.`)
      }
      for (const [from, length] of [
        [299_999, 2],
        [300_000, 1],
        [900_000, 10],
        [0, 300_001],
      ] as const) {
        const code = await codeOf(store.read(key, from, Buffer.alloc(length), { signal }))
        expect(code === 'ARCHIVE_DAMAGED', `Reading ${length} bytes at ${from} of 300000 ends with ${code}.`)
      }
    },
  },
  {
    name: 'overwrite',
    promise: 'An object that is put again is read with its new bytes at once.',
    async run({ store, prefix, signal }) {
      const key = `${prefix}object`
      for (let round = 0; round < 12; round++) {
        const bytes = distinctBytes(10_000 - round * 700, round)
        await store.put(key, bytes, { signal })
        expect((await store.get(key, { signal })).equals(bytes), 'After a put the old bytes are still read.')
        const info = await store.head(key, { signal })
        expect(info?.size === bytes.length, 'After a put the old size is still reported.')
      }
    },
  },
  {
    name: 'delete',
    promise: 'A deleted object is gone at once; deleting what is absent is no error.',
    async run(bench) {
      const { store, prefix, signal } = bench
      await store.put(`${prefix}a/x`, Buffer.from('x'), { signal })
      await store.put(`${prefix}a/y`, Buffer.from('y'), { signal })
      await store.delete([`${prefix}a/x`, `${prefix}never/was`], { signal })
      expect((await store.head(`${prefix}a/x`, { signal })) === undefined, 'A deleted object is still there.')
      const left = (await listAll(bench, '')).map((info) => info.key.slice(prefix.length))
      expect(
        left.join() === 'a/y',
        `After one of two was deleted the listing is: ${left.join(', ') || 'empty'}.`,
      )
      await store.delete([`${prefix}a/x`], { signal })
      await store.delete([], { signal })
      expect(
        await store.put(`${prefix}a/x`, Buffer.from('z'), { ifAbsent: true, signal }),
        'A deleted name is still taken.',
      )
    },
  },
]
