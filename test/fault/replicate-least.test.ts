import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BothSides, readSide, untilGroupsAgree } from '../support/drill-groups.ts'
import { type Drill, startDrill } from '../support/kill-drill.ts'

/** `TIDEMARK_KILLS` asks for fewer, for a quick trial. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 100)
/** What a worker says at a take-over, with the number of `records`. */
const repeating = 'records that were copied after the last position are copied again'

let drill: Drill

before(async () => {
  drill = await startDrill('least', { exactlyOnce: false })
})

after(async () => {
  await drill?.[Symbol.asyncDispose]()
})

test(`${kills} kills of workers that copy at least once: nothing is lost, first copies are in order, what is there twice was told, and no group skips a record`, async (context) => {
  const { lab, topics, toll, said } = drill
  const groups = await drill.run(kills)
  const records = new Map<string, BothSides>()
  let [count, twice] = [0, 0]
  for (const { topic, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const target = await readSide(lab, 'target', topic, partition)
      const source = await readSide(lab, 'source', topic, partition)
      const there = new Set(source.map(({ content }) => content))
      const kept = target.filter(({ content }) => there.has(content))
      // The first copies of all, as a reader that drops what it has seen would see them.
      assert.deepEqual([...new Set(kept.map(({ content }) => content))], [...there], `${topic}-${partition}`)
      count += source.length
      twice += target.length - new Set(target.map(({ content }) => content)).size
      records.set(`${topic}/${partition}`, { source, target: kept })
    }
  }
  const told = said
    .filter(({ message }) => message === repeating)
    .reduce((sum, line) => sum + Number(line.records), 0)
  const { positions, readAgain } = await drill.syncing(() => untilGroupsAgree(lab, groups, records, 120))
  context.diagnostic(
    `${count} records in ${records.size} partitions, none lost; ${twice} are there twice, ${told} were told; ${positions} positions of ${groups.length} groups skip nothing, ${readAgain} records will be read again; killed, cut, joined and left: ${JSON.stringify(toll)}`,
  )
  assert.ok(twice <= told, `${twice} are there twice, ${told} were told`)
  assert.equal(toll.workers, kills)
})
