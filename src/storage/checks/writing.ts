import { randomUUID } from 'node:crypto'
import { codeOf, distinctBytes, expect, listAll, type StoreCheck } from './check.ts'

/** More than two parts of a multipart upload, and no round number. */
const bigSize = 21 * 1024 * 1024 + 12_345
const racers = 16
const rounds = 12

/** Objects written piece by piece, and writers that compete. */
export const writingChecks: readonly StoreCheck[] = [
  {
    name: 'signals',
    promise:
      'A call whose signal is aborted ends with the reason of the signal, and leaves no part of an object.',
    async run(bench) {
      const { store, prefix } = bench
      const reason = new Error('stopped by the check')
      const aborted = AbortSignal.abort(reason)
      const bytes = distinctBytes(9_000_000)
      await store.put(`${prefix}there`, bytes, { signal: bench.signal })
      const calls: readonly (() => Promise<unknown>)[] = [
        () => store.put(`${prefix}put`, bytes, { signal: aborted }),
        () => store.put(`${prefix}put`, bytes, { signal: aborted, ifAbsent: true }),
        () => store.create(`${prefix}created`, { signal: aborted }),
        () => store.get(`${prefix}there`, { signal: aborted }),
        () => store.read(`${prefix}there`, 0, Buffer.alloc(9), { signal: aborted }),
        () => store.head(`${prefix}there`, { signal: aborted }),
        () => store.delete([`${prefix}there`], { signal: aborted }),
        async () => {
          for await (const _ of store.list(prefix, { signal: aborted }));
        },
      ]
      for (const [i, call] of calls.entries()) {
        const got = await call().then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(got === reason, `Call ${i + 1} with an aborted signal ends with ${String(got)}.`)
      }
      for (const wait of [0, 1, 2, 5, 10, 20]) {
        const own = new AbortController()
        const timer = setTimeout(() => own.abort(reason), wait)
        await store.put(`${prefix}late`, bytes, { signal: own.signal }).catch((error: unknown) => {
          if (error !== reason) throw error
        })
        clearTimeout(timer)
        const info = await store.head(`${prefix}late`, { signal: bench.signal })
        expect(
          info === undefined || info.size === bytes.length,
          `An interrupted put left ${info?.size} bytes.`,
        )
      }
      const own = new AbortController()
      const writer = await store.create(`${prefix}created`, { signal: own.signal })
      await writer.write(bytes)
      own.abort(reason)
      const got = await writer.close().then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(got === reason, `Closing a writer whose signal is aborted ends with ${String(got)}.`)
      await writer.abort()
      const names = (await listAll(bench, '')).map((info) => info.key.slice(prefix.length))
      expect(!names.includes('created'), 'A writer whose signal is aborted left its object.')
    },
  },
  {
    name: 'big-object',
    promise: 'An object of many megabytes, written in pieces of any size from reused memory, is whole.',
    async run({ store, prefix, signal }) {
      const bytes = distinctBytes(bigSize)
      const key = `${prefix}big`
      const writer = await store.create(key, { signal })
      const memory = Buffer.alloc(3_000_000)
      const sizes = [1, 0, 3_000_000, 65_536, 999_999]
      for (let at = 0, i = 0; at < bigSize; i++) {
        const size = Math.min(sizes[i % sizes.length] ?? 1, bigSize - at)
        bytes.copy(memory, 0, at, at + size)
        await writer.write([memory.subarray(0, size >> 1), memory.subarray(size >> 1, size)], { signal })
        memory.fill(0xff)
        at += size
        expect(writer.size === at, `After ${at} bytes a writer reports ${writer.size}.`)
      }
      await writer.close({ signal })
      const info = await store.head(key, { signal })
      expect(
        info?.size === bigSize,
        `An object of ${bigSize} bytes is reported as ${info?.size ?? 'absent'}.`,
      )
      expect((await store.get(key, { signal })).equals(bytes), 'A big object is read back with other bytes.')
      const part = Buffer.alloc(5_000_001)
      await store.read(key, 7_777_777, part, { signal })
      expect(
        part.equals(bytes.subarray(7_777_777, 12_777_778)),
        'A range across the parts of a big object is wrong.',
      )
      await writer.close({ signal })
      await writer.abort()
      expect(
        (await store.head(key, { signal }))?.size === bigSize,
        'Aborting a finished writer removed its object.',
      )
    },
  },
  {
    name: 'invisible-until-close',
    promise: 'An object being written cannot be seen before it is closed, and replaces the old one then.',
    async run(bench) {
      const { store, prefix, signal } = bench
      await store.put(`${prefix}old`, Buffer.from('old'), { signal })
      const fresh = await store.create(`${prefix}new`, { signal })
      const replacing = await store.create(`${prefix}old`, { signal })
      for (const writer of [fresh, replacing]) await writer.write(distinctBytes(9 * 1024 * 1024), { signal })
      const seen = (await listAll(bench, '')).map((info) => info.key.slice(prefix.length))
      expect(seen.join() === 'old', `While two objects are being written the listing is: ${seen.join(', ')}.`)
      expect(
        (await store.head(`${prefix}new`, { signal })) === undefined,
        'An unfinished object is reported as there.',
      )
      const code = await codeOf(store.get(`${prefix}new`, { signal }))
      expect(code === 'STORAGE_NOT_FOUND', `Getting an unfinished object ends with ${code}.`)
      const old = await store.get(`${prefix}old`, { signal })
      expect(old.toString() === 'old', 'An object changes while its replacement is being written.')
      for (const writer of [fresh, replacing]) await writer.close({ signal })
      for (const info of await listAll(bench, '')) {
        expect(info.size === 9 * 1024 * 1024, `A closed object is listed with ${info.size} bytes.`)
      }
    },
  },
  {
    name: 'abort',
    promise: 'A writer that is aborted leaves nothing, and the object that it was to replace as it was.',
    async run(bench) {
      const { store, prefix, signal } = bench
      await store.put(`${prefix}old`, Buffer.from('old'), { signal })
      for (const [name, size] of [
        ['old', 18_000_000],
        ['new', 18_000_000],
        ['small', 10],
        ['none', 0],
      ] as const) {
        const writer = await store.create(prefix + name, { signal })
        if (size > 0) await writer.write(distinctBytes(size), { signal })
        await writer.abort()
        await writer.abort()
        const closed = await writer.close({ signal }).then(
          () => true,
          () => false,
        )
        expect(!closed, 'An aborted writer can be closed as if all were well.')
      }
      const left = (await listAll(bench, '')).map((info) => info.key.slice(prefix.length))
      expect(left.join() === 'old', `After all writers were aborted the listing is: ${left.join(', ')}.`)
      const old = await store.get(`${prefix}old`, { signal })
      expect(old.toString() === 'old', 'An aborted writer changed the object that it was to replace.')
    },
  },
  {
    name: 'if-absent',
    promise: 'Made only if absent, an object that is there is never replaced.',
    async run({ store, prefix, signal }) {
      const key = `${prefix}object`
      expect(
        await store.put(key, Buffer.from('first'), { ifAbsent: true, signal }),
        'A free name is reported as taken.',
      )
      for (const second of [Buffer.from('second'), Buffer.from('first'), distinctBytes(6_000_000)]) {
        const made = await store.put(key, second, { ifAbsent: true, signal })
        expect(!made, 'The store ignores "if absent": the second of two writers was told that it had won.')
        const there = await store.get(key, { signal })
        expect(
          there.toString() === 'first',
          'The store ignores "if absent": the second of two writers replaced the first.',
        )
      }
    },
  },
  {
    name: 'if-absent-race',
    promise: `Of ${racers} writers at the same moment exactly one makes the object, in each of ${rounds} rounds.`,
    async run({ store, prefix, signal }) {
      for (let round = 0; round < rounds; round++) {
        const key = `${prefix}${round}`
        const tokens = Array.from({ length: racers }, () =>
          Buffer.from(`${randomUUID()}${'.'.repeat(round * 997)}`),
        )
        const outcomes = await Promise.all(
          tokens.map(async (token) => {
            const made = await store.put(key, token, { ifAbsent: true, signal })
            return { made, there: await store.get(key, { signal }) }
          }),
        )
        const winners = outcomes.filter((outcome) => outcome.made).length
        expect(
          winners === 1,
          `Of ${racers} writers at the same moment ${winners} were told that they had won.`,
        )
        const winner = tokens[outcomes.findIndex((outcome) => outcome.made)]
        expect(
          winner && outcomes.every((outcome) => outcome.there.equals(winner)),
          'After a race the object is not the one of the winner.',
        )
      }
    },
  },
]
