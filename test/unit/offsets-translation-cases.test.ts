import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { MapBuilder, translate } from '../../src/offsets/index.ts'

interface Case {
  readonly name: string
  readonly runs: readonly (readonly [number, number, number])[]
  readonly completeFrom?: number
  readonly sourceEnd: number
  readonly copyStart: number
  readonly asks: readonly (readonly [number, number | null, string])[]
}

const golden = new URL('../golden/translation-cases.json', import.meta.url)
const { cases } = JSON.parse(await readFile(golden, 'utf8')) as { readonly cases: readonly Case[] }

assert.ok(cases.length >= 11)

for (const { name, runs, completeFrom, sourceEnd, copyStart, asks } of cases) {
  test(`translation case: ${name}`, () => {
    const builder = new MapBuilder({
      sourceTopic: 'orders',
      sourcePartition: 0,
      targetTopic: 'orders',
      targetPartition: 0,
      sourceCluster: 'source',
    })
    for (const [source, target, count] of runs) builder.append(BigInt(source), BigInt(target), count)
    const map = builder.seal({
      sourceEnd: BigInt(sourceEnd),
      copyStart: BigInt(copyStart),
      completeFrom: completeFrom === undefined ? undefined : BigInt(completeFrom),
    })
    const answers = asks.map(([position]) => {
      const { kind, target } = translate(map, BigInt(position), { logStart: 0n, logEnd: 1_000_000n })
      return [position, target === undefined ? null : Number(target), kind]
    })
    assert.deepEqual(answers, asks)
  })
}
