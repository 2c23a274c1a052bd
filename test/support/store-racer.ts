import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { openStore } from '../../src/storage/index.ts'

/*
 * Competes for objects: `node store-racer.ts PLACE ROUNDS`. Reads a line before it begins, so that all racers begin together;
 * prints for each round its token and whether it was told that it made the object.
 */
const [, , place = '', rounds = '0'] = process.argv
await using store = await openStore(place)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
for (let round = 0; round < Number(rounds); round++) {
  const token = randomUUID()
  const made = await store.put(`race/${round}`, Buffer.from(token), { ifAbsent: true })
  process.stdout.write(`${round} ${token} ${made}\n`)
}
process.stdin.destroy()
