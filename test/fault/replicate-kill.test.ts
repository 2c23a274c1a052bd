import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BothSides, readSide, untilGroupsAgree } from '../support/drill-groups.ts'
import { type Drill, startDrill } from '../support/kill-drill.ts'
import { assertCopied, assertMapped } from '../support/replicated.ts'

/** `TIDEMARK_KILLS` asks for fewer, for a quick trial. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 100)

let drill: Drill

before(async () => {
  drill = await startDrill('kill')
})

after(async () => {
  await drill?.[Symbol.asyncDispose]()
})

test(`${kills} kills of workers, with syncs and brokers killed, connections cut and a second worker that comes and goes: every committed record once, in order, every position right, ten groups at the same records`, async (context) => {
  const { lab, job, topics, toll } = drill
  const groups = await drill.run(kills)
  const records = new Map<string, BothSides>()
  let count = 0
  for (const { topic, partitions, kind } of topics) {
    if (kind !== 'compacted') {
      await assertCopied(lab, topic, partitions)
      await assertMapped(lab, job, topic, partitions)
    }
    for (let partition = 0; partition < partitions; partition++) {
      const both = await readBoth(topic, partition)
      records.set(`${topic}/${partition}`, both)
      count += both.source.length
    }
  }
  const { positions, readAgain } = await drill.syncing(() =>
    untilGroupsAgree(lab, groups, records, 120, true),
  )
  assert.equal(readAgain, 0)
  context.diagnostic(
    `${count} records in ${records.size} partitions, each once and in order; ${positions} positions of ${groups.length} groups at the same record; killed, cut, joined and left: ${JSON.stringify(toll)}`,
  )
  assert.equal(toll.workers, kills)
  assert.ok(toll.syncs > 0 && toll.cuts > 0)
})

/**
 * What both sides hold of a partition. The target is not cleaned, so it has what the source cleaned away as well: that is left out,
 * and must not be there twice either.
 */
async function readBoth(topic: string, partition: number): Promise<BothSides> {
  const { lab } = drill
  const [target, source] = [
    await readSide(lab, 'target', topic, partition),
    await readSide(lab, 'source', topic, partition),
  ]
  assert.equal(
    new Set(target.map(({ content }) => content)).size,
    target.length,
    `${topic}-${partition}: twice`,
  )
  const there = new Set(source.map(({ content }) => content))
  const kept = target.filter(({ content }) => there.has(content))
  assert.deepEqual(
    kept.map(({ content }) => content),
    source.map(({ content }) => content),
    `${topic}-${partition}`,
  )
  return { source, target: kept }
}
