import { compareKeys } from '../keys.ts'
import { codeOf, each, expect, listAll, type StoreCheck } from './check.ts'

const manyKeys = 1050

/** Names that go wrong where something is escaped, trimmed, parsed or sorted by the wrong rule. */
const oddNames: readonly string[] = [
  'plain',
  ' leading and trailing ',
  'a b',
  'a+b',
  'a%20b',
  'a%b',
  'a&b',
  'a&amp;b',
  'a=b',
  'a?b',
  'a#b',
  'a;b',
  "quote'",
  'quote"',
  'back\\slash',
  '<tag>',
  'star*',
  'brace{}',
  'pipe|',
  'caret^',
  'tick`',
  'tilde~',
  'at@',
  'colon:',
  'comma,',
  'dollar$',
  '.hidden',
  '-dash',
  '...',
  'a..b',
  'ends.',
  '1e5',
  '0123',
  'true',
  'null',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  '中文',
  'Ünïcödé',
  'عربى',
  '🙂',
  '\u{1F600}\u{1F680}',
  '\uFB01',
  '\u{10FFFD}',
  'z\u00a0z',
  'A',
  'Z',
  '_',
  'a',
]

/** Names and listings. */
export const listingChecks: readonly StoreCheck[] = [
  {
    name: 'odd-names',
    promise: 'Names with spaces, signs, other scripts and great length come back as they were given.',
    async run(bench) {
      const { store, prefix, signal } = bench
      const long = Array.from({ length: 2 }, (_, i) => `${i}`.repeat(249)).join('/')
      const names = [...oddNames.map((name) => `n/${name}`), ...oddNames.map((name) => `d/${name}/x`), long]
      await each(names, 8, async (name) => {
        await store.put(prefix + name, Buffer.from(name), { signal })
      })
      const listed = (await listAll(bench, '')).map((info) => info.key.slice(prefix.length))
      const missing = names.find((name) => !listed.includes(name))
      expect(missing === undefined, `The name ${JSON.stringify(missing)} is not listed.`)
      expect(listed.length === names.length, `Of ${names.length} names ${listed.length} are listed.`)
      await each(names, 8, async (name) => {
        const read = await store.get(prefix + name, { signal })
        expect(read.toString() === name, `The object named ${JSON.stringify(name)} is another one.`)
      })
      const sorted = [...listed].sort(compareKeys)
      const wrong = listed.findIndex((name, i) => name !== sorted[i])
      expect(wrong < 0, `The listing is out of order at ${JSON.stringify(listed[wrong])}.`)
      const before = sorted[60]
      const rest = await listAll(bench, '', prefix + before)
      expect(
        rest[0]?.key === prefix + sorted[61],
        `A listing does not start right after ${JSON.stringify(before)}.`,
      )
    },
  },
  {
    name: 'bad-names',
    promise: 'A name that would lead elsewhere or cannot be kept is refused with STORAGE_KEY_INVALID.',
    async run({ store, prefix, signal }) {
      for (const name of [
        '',
        '/',
        'a//b',
        'a/',
        '../up',
        'a/../b',
        './a',
        'a\u0000b',
        'line\nbreak',
        'x'.repeat(256),
        '\ud800',
      ]) {
        const code = await codeOf(store.put(prefix + name, Buffer.from('x'), { signal }))
        expect(code === 'STORAGE_KEY_INVALID', `The name ${JSON.stringify(name)} ends with ${code}.`)
      }
    },
  },
  {
    name: 'order',
    promise: 'A listing is in the byte order of the whole names, not folder by folder.',
    async run(bench) {
      const { store, prefix, signal } = bench
      const names = [
        'a',
        'a!',
        'a-b',
        'a.b',
        'b-/x',
        'b/x',
        'b/y/z',
        'b0',
        'b/y-',
        'B',
        'c/1',
        'c/10',
        'c/2',
        'é/x',
        'z',
        '\u{1F600}',
        '\uFF5A',
      ]
      await each(names, 8, async (name) => {
        await store.put(prefix + name, Buffer.from('x'), { signal })
      })
      const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      for (const start of [undefined, ...sorted, 'b', 'b/', 'b/y', 'b/y/', 'zz']) {
        const want = sorted.filter((name) => start === undefined || compareKeys(name, start) > 0)
        const got = (await listAll(bench, '', start === undefined ? undefined : prefix + start)).map((info) =>
          info.key.slice(prefix.length),
        )
        expect(got.join() === want.join(), `A listing after ${start ?? 'nothing'} is ${got.join(', ')}.`)
      }
      for (const part of ['b', 'b/', 'b/y', 'b/y/', 'c/1', 'nothing']) {
        const got = (await listAll(bench, part)).map((info) => info.key.slice(prefix.length))
        const want = sorted.filter((name) => name.startsWith(part))
        expect(got.join() === want.join(), `A listing of what starts with ${part} is ${got.join(', ')}.`)
      }
    },
  },
  {
    name: 'many-objects',
    promise: `More than a thousand objects are listed once each, in order, from any point, and deleted in one call.`,
    async run(bench) {
      const { store, prefix, signal } = bench
      const names = Array.from(
        { length: manyKeys },
        (_, i) => `${String(i % 7)}/${String(i).padStart(6, '0')}`,
      )
      await each(names, 16, async (name) => {
        await store.put(prefix + name, Buffer.alloc(name.charCodeAt(0) - 47), { signal })
      })
      const sorted = [...names].sort(compareKeys)
      const listed = await listAll(bench, '')
      const got = listed.map((info) => info.key.slice(prefix.length))
      expect(got.length === manyKeys, `Of ${manyKeys} objects ${got.length} are listed.`)
      expect(got.join() === sorted.join(), 'A long listing is out of order or names an object twice.')
      expect(
        listed.every((info) => info.size === info.key.charCodeAt(prefix.length) - 47),
        'A long listing tells wrong sizes.',
      )
      for (const at of [0, 999, 1000, manyKeys - 2, manyKeys - 1]) {
        const rest = await listAll(bench, '', prefix + sorted[at])
        expect(
          rest.length === manyKeys - at - 1,
          `After object ${at + 1} of ${manyKeys} come ${rest.length}.`,
        )
      }
      await store.delete(
        names.map((name) => prefix + name),
        { signal },
      )
      const left = await listAll(bench, '')
      expect(left.length === 0, `After all were deleted ${left.length} are listed.`)
    },
  },
]
