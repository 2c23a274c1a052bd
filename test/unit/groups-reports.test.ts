import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidemarkError } from '../../src/base/index.ts'
import { parsePlace } from '../../src/cli/groups/place-pattern.ts'
import { plainNumbers } from '../../src/cli/render/machine-formats.ts'
import { groupCsv, groupObject, groupText } from '../../src/cli/reports/group-description.ts'
import { groupListCsv, groupListObject, groupListText } from '../../src/cli/reports/group-list.ts'
import type { SeenCluster } from '../../src/cli/reports/group-rows.ts'
import { heldObject, heldText } from '../../src/cli/reports/held-groups.ts'
import { type HeldGroup, type InspectedGroup, kafkaCsvText, readKafkaCsv } from '../../src/offsets/index.ts'
import { sectionOf, tableCells } from '../support/cli-page.ts'

const group: InspectedGroup = {
  group: 'g\u001b',
  type: 'consumer',
  state: 'Stable',
  protocolType: 'consumer',
  members: [{ memberId: 'm', clientId: 'c\u001b', host: 'h', metadata: Buffer.alloc(0) }],
  positions: [
    {
      topic: 't',
      partition: 0,
      position: 4n,
      metadata: 'kept\u001b',
      logStart: 5n,
      logEnd: 2n ** 60n,
      lag: 2n ** 60n - 5n,
      timeLag: 65_000n,
      inRange: false,
    },
    {
      topic: 't',
      partition: 1,
      position: undefined,
      metadata: null,
      logStart: undefined,
      logEnd: undefined,
      lag: undefined,
      timeLag: undefined,
      inRange: undefined,
    },
  ],
}

const failure = { item: 'x', error: new TidemarkError('AUTHORIZATION_FAILED', 'no right') }
const cluster = { clusterId: 'c', bootstrap: ['h:1', 'h:2'], unmeasured: [], untimed: [] }
const seen: readonly SeenCluster[] = [
  { name: 'source', cluster: { ...cluster, groups: [group], failed: [failure] } },
  { name: 'target', cluster: { ...cluster, groups: [{ ...group, positions: [] }], failed: [] } },
]

const held: readonly HeldGroup[] = [
  { group: 'g\u001b', state: 'held', positions: 1, held: 2, lastHeld: 0, error: undefined },
  { group: 'h', state: 'failed', positions: 0, held: 0, lastHeld: undefined, error: failure.error },
]

/** Paths of the leaves of a JSON value. */
function leaves(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, `${path}[]`))
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`))
}

test('what groups list, describe and hold print as JSON is what is documented', () => {
  const outputs = [
    ['groups list', groupListObject(seen)],
    ['groups describe', groupObject(seen)],
    // Of an error that is not there, null is told.
    ['groups hold', heldObject(held.slice(1), true)],
  ] as const
  for (const [section, output] of outputs) {
    const found = new Set(leaves(JSON.parse(JSON.stringify(plainNumbers(output)))))
    assert.deepEqual([...found].sort(), [...new Set(tableCells(sectionOf(section), 'JSON field'))].sort())
  }
})

test('offsets beyond 2^53 are text in JSON, and exact in CSV and text', () => {
  const [listed] = (plainNumbers(groupListObject(seen)) as { groups: { lag: unknown }[] }).groups
  assert.equal(listed?.lag, '1152921504606846971')
  assert.match(groupListCsv(seen), /^source,g.,consumer,Stable,consumer,1,1,1152921504606846971,1$/m)
  assert.match(groupCsv(seen), /,t,0,4,5,1152921504606846976,1152921504606846971,65000,false,kept/)
  assert.match(groupCsv(seen), /^target,g.,consumer,Stable,consumer,1,,,,,,,,,$/m)
})

test('texts for people hold no control character, and lag that is not known is no lag', () => {
  for (const text of [groupListText(seen), groupText(seen), heldText(held), groupListText([])]) {
    assert.doesNotMatch(text, /undefined|\[object/)
    assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u)
    assert.match(text, /[^\n]\n$/)
  }
  assert.match(groupText(seen), /t +0 +4 +5-\d+ +[\d,]+ +1 min 05 s +no/)
  assert.match(groupText(seen), /t +1 +- +- +- +- +-/)
})

test('--topic chooses topics by name, glob or expression, and partitions of them', () => {
  const chosen = (text: string, topic: string, partition: number) => parsePlace(text)(topic, partition)
  assert.deepEqual([chosen('a', 'a', 7), chosen('a', 'ab', 7)], [true, false])
  assert.deepEqual([chosen('a*:0,2', 'ab', 2), chosen('a*:0,2', 'ab', 1)], [true, false])
  assert.deepEqual([chosen('~a.(b|c)', 'a.c', 1), chosen('~a.(b|c):3', 'a.c', 1)], [true, false])
  assert.throws(() => parsePlace('a:1,'), /no list of partitions/)
})

test("the form of Kafka's own tool is written so that it is read back, whatever the names are", () => {
  const names = ['plain', 'a,b', 'say "hi"', ' blank ', '#x', 'ü', 'tab\t', '']
  const groups = names.map((group, i) => ({
    group,
    unstable: [],
    positions: [
      { topic: 'T.t_-', partition: 1, offset: BigInt(i), leaderEpoch: -1, metadata: 'lost' },
      { topic: 'T.t_-', partition: 0, offset: -1n, leaderEpoch: -1, metadata: '' },
    ],
  }))
  const { text, rows } = kafkaCsvText(groups, true)
  assert.equal(rows, names.length)
  const read = readKafkaCsv(text, 'file').map(({ group, offset }) => [group, offset] as const)
  assert.deepEqual(new Map(read), new Map(names.map((name, i) => [name, BigInt(i)])))
  const broken = kafkaCsvText([{ group: 'two\nlines', positions: [], unstable: [] }], true)
  assert.deepEqual(broken.unreadable, ['two\nlines'])
})
