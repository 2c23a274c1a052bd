import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore, type StoreSpec } from '../../src/storage/index.ts'
import { startS3Server } from '../support/s3-server.ts'
import { tempFolder } from '../support/temp-folder.ts'

const racer = join(import.meta.dirname, '../support/store-racer.ts')
const racers = 4
const rounds = 60

async function race(place: string, spec: StoreSpec | string, env: Readonly<Record<string, string>> = {}) {
  const children = Array.from({ length: racers }, () => {
    const child = spawn(process.execPath, [racer, place, String(rounds)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    return {
      child,
      closed: once(child, 'close'),
      ready: once(child.stdout, 'data'),
      lines: () => out.trim().split('\n').slice(1),
    }
  })
  await Promise.all(children.map((one) => one.ready))
  for (const { child } of children) child.stdin.write('go\n')
  await Promise.all(children.map((one) => one.closed))
  const winners = new Map<number, string[]>()
  for (const { lines } of children) {
    assert.equal(lines().length, rounds)
    for (const line of lines()) {
      const [round = '', token = '', made] = line.split(' ')
      if (made !== 'true') continue
      winners.set(Number(round), [...(winners.get(Number(round)) ?? []), token])
    }
  }
  await using store = await openStore(spec)
  for (let round = 0; round < rounds; round++) {
    const tokens = winners.get(round) ?? []
    assert.equal(tokens.length, 1, `round ${round} has ${tokens.length} winners`)
    assert.equal((await store.get(`race/${round}`)).toString(), tokens[0])
  }
}

test('of several processes that make the same object in a folder exactly one wins, every time', async () => {
  await using folder = await tempFolder('race')
  await race(folder.path, folder.path)
})

test('of several processes that make the same object in a bucket exactly one wins, every time', async () => {
  await using server = await startS3Server()
  await server.bucket('archive')
  await race(server.url('archive'), server.spec('archive'), server.env)
})
