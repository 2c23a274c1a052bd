import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { walkFolder } from '../../src/storage/folder-walk.ts'
import { compareKeys, keyFault } from '../../src/storage/keys.ts'
import { tempFolder } from '../support/temp-folder.ts'

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('names compare as their UTF-8 bytes do', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      assert.equal(Math.sign(compareKeys(a, b)), Math.sign(byBytes(a, b)))
    }),
    { numRuns: 2000 },
  )
})

test('a name that is accepted stays inside a folder and round-trips through UTF-8', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('.', '/', 'a', '\0') }),
  )
  fc.assert(
    fc.property(text, (key) => {
      if (keyFault(key) !== undefined) return
      assert.ok(join('/root', key).startsWith('/root/'))
      assert.equal(join('/root', key), `/root/${key}`)
      assert.equal(Buffer.from(key).toString(), key)
    }),
    { numRuns: 5000 },
  )
})

test('a folder of any shape is listed in the byte order of the names, from any point, for any prefix', async () => {
  await using folder = await tempFolder('walk')
  const letters = fc.constantFrom('a', 'b', '-', '.', '0', '!', '~', 'é', '\u{1F600}', '\uFF5A')
  const segment = fc
    .string({ unit: letters, minLength: 1, maxLength: 3 })
    .filter((s) => s !== '.' && s !== '..')
  const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(key, { maxLength: 40 }),
      fc.string({ unit: fc.oneof(letters, fc.constant('/')), maxLength: 5 }),
      fc.option(fc.oneof(key, fc.string({ unit: fc.oneof(letters, fc.constant('/')) })), { nil: undefined }),
      async (candidates, prefix, startAfter) => {
        const root = join(folder.path, String(run++))
        await mkdir(root)
        const keys = new Set<string>()
        for (const candidate of candidates) {
          try {
            await mkdir(dirname(join(root, candidate)), { recursive: true })
            await writeFile(join(root, candidate), candidate)
            keys.add(candidate)
          } catch {
            // A part of the name is a file already, or the name is a folder: not both can exist.
          }
        }
        const want = [...keys]
          .filter((k) => k.startsWith(prefix) && (startAfter === undefined || byBytes(k, startAfter) > 0))
          .sort(byBytes)
        const got: string[] = []
        const options = startAfter === undefined ? {} : { startAfter }
        for await (const info of walkFolder(root, prefix, options)) {
          got.push(info.key)
          assert.equal(info.size, Buffer.byteLength(info.key))
        }
        assert.deepEqual(got, want)
        await rm(root, { recursive: true })
      },
    ),
    { numRuns: 150 },
  )
})
