import { distinctBytes } from '../../src/storage/checks/check.ts'
import { openStore } from '../../src/storage/index.ts'

/*
 * Writes objects into a store until it is killed: `node store-writer.ts PLACE NAME SIZE`. By turns it puts, puts if
 * absent, replaces, and writes piece by piece objects of up to SIZE bytes. Prints the key of each object whose write has
 * resolved. Key and content follow from each other (see `objectBytes`), so that anybody can tell a whole object.
 */

/** The bytes that an object of this key must have: its last part is `<salt>-<size>`. */
export function objectBytes(key: string): Buffer {
  const [salt, size] = (key.split('/').at(-1) ?? '').split('-')
  return distinctBytes(Number(size), Number(salt))
}

async function main(place: string, name: string, most: number): Promise<void> {
  await using store = await openStore(place)
  const ways = [
    async (key: string) => {
      await store.put(key, objectBytes(key))
    },
    async (key: string) => {
      await store.put(key, objectBytes(key), { ifAbsent: true })
    },
    async (key: string) => {
      const bytes = objectBytes(key)
      const writer = await store.create(key)
      for (let at = 0; at < bytes.length; at += 300_007) await writer.write(bytes.subarray(at, at + 300_007))
      await writer.close()
    },
  ]
  const worker = async (way: number) => {
    for (let i = 0; ; i++) {
      const key = `${name}/${way}/${i % 5}/${i}-${(i * 7919 * 1009) % most}`
      await ways[way]?.(key)
      process.stdout.write(`${key}\n`)
    }
  }
  await Promise.all(ways.map((_, way) => worker(way)))
}

const [, script, place, name, size] = process.argv
if (script === import.meta.filename && place !== undefined && name !== undefined) {
  await main(place, name, Number(size))
}
