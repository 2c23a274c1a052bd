import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type API, Reader, type Writer } from '../../src/kafka/client-library.ts'
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  describeShareGroupOffsets,
} from '../../src/kafka/share-offset-codecs.ts'

/** What went over the wire between these codecs and a broker of Kafka 4.2, which understood every request. */
const captured = {
  describe: {
    request: '030373670000056e6f7065000000',
    response: [
      '000000000303736702076f72646572730669e9b7ea0c486688d75fbf071a587c0400000000000000000000000b00000000ff',
      'ffffffffffffff0000000000000001ffffffffffffffff00000000ffffffffffffffff0000000000000002000000000001869f',
      '00000000ffffffffffffffff000000000000000000056e6f7065010000000000',
    ].join(''),
  },
  describe0: {
    request: '02037367000000',
    response: [
      '000000000203736702076f72646572733dd3a72f1e6b4a7392fe894ae663be6f0200000000000000000000000b000000000000',
      '0000000000000000',
    ].join(''),
  },
  alter: {
    request: '03736703076f72646572730200000002000000000001869f0000047a7a7a02000000000000000000000001000000',
    response: [
      '0000000000000003047a7a7a000000000000000000000000000000000200000000000330546869732073657276657220646f65',
      '73206e6f7420686f7374207468697320746f7069632d706172746974696f6e2e0000076f72646572730669e9b7ea0c486688d7',
      '5fbf071a587c0200000002000000000000',
    ].join(''),
  },
  refused: '0000000000451f47726f7570207367206973206e6f7420612073686172652067726f75702e0100',
  delete: {
    request: '03736703076f726465727300047a7a7a0000',
    response: [
      '0000000000000003076f72646572730669e9b7ea0c486688d75fbf071a587c00000000047a7a7a00000000000000000000000000',
      '000000000330546869732073657276657220646f6573206e6f7420686f7374207468697320746f7069632d706172746974696f6e',
      '2e0000',
    ].join(''),
  },
}

/** Runs a codec against captured bytes: the request as it was written, and the answer to it. */
async function exchange<Arguments extends unknown[], Response>(
  apis: readonly API<Arguments, Response>[],
  version: number,
  response: string,
  ...given: Arguments
): Promise<{ readonly request: string; readonly answer: Response }> {
  const api = apis.find((one) => one.version === version)
  assert.ok(api)
  const reader = Reader.from(Buffer.from(response, 'hex'))
  let request = ''
  const connection = {
    send(key: number, sent: number, create: () => Writer, parse: unknown, ...rest: unknown[]) {
      request = create().buffer.toString('hex')
      const read = parse as (id: number, key: number, version: number, reader: Reader) => Response
      const done = rest.at(-1) as (error: null, answer: Response) => void
      done(null, read(1, key, sent, reader))
    },
  }
  const answer = await api.async(connection as never, ...given)
  assert.equal(reader.remaining, 1, 'all but the tagged fields of the response is read')
  return { request, answer }
}

test('start offsets are asked for and read as a broker wrote them, also where there is none', async () => {
  const { request, answer } = await exchange(describeShareGroupOffsets, 1, captured.describe.response, [
    'sg',
    'nope',
  ])
  assert.equal(request, captured.describe.request)
  const [sharing, other] = answer.groups
  const told = { leaderEpoch: 0, errorCode: 0, errorMessage: null }
  assert.deepEqual(sharing?.topics, [
    {
      name: 'orders',
      partitions: [
        { partition: 0, startOffset: 11n, ...told },
        { partition: 1, startOffset: -1n, ...told },
        { partition: 2, startOffset: 99_999n, ...told },
      ],
    },
  ])
  assert.deepEqual(other, { groupId: 'nope', topics: [], errorCode: 0, errorMessage: null })
})

test('version 0 of the same answer has no lag', async () => {
  const { request, response } = captured.describe0
  const { request: sent, answer } = await exchange(describeShareGroupOffsets, 0, response, ['sg'])
  assert.equal(sent, request)
  assert.equal(answer.groups[0]?.topics[0]?.partitions[0]?.startOffset, 11n)
})

test('start offsets are set, with an outcome for each partition', async () => {
  const topics = [
    { name: 'orders', partitions: [{ partition: 2, startOffset: 99_999n }] },
    { name: 'zzz', partitions: [{ partition: 0, startOffset: 1n }] },
  ]
  const { request, answer } = await exchange(alterShareGroupOffsets, 0, captured.alter.response, 'sg', topics)
  assert.equal(request, captured.alter.request)
  const codes = answer.topics.map(({ name, partitions }) => [name, partitions[0]?.errorCode])
  assert.deepEqual(codes, [
    ['zzz', 3],
    ['orders', 0],
  ])
  const refused = await exchange(alterShareGroupOffsets, 0, captured.refused, 'sg', topics)
  assert.equal(refused.answer.errorCode, 69)
  assert.equal(refused.answer.errorMessage, 'Group sg is not a share group.')
})

test('start offsets of topics are deleted, with an outcome for each topic', async () => {
  const { request, answer } = await exchange(deleteShareGroupOffsets, 0, captured.delete.response, 'sg', [
    'orders',
    'zzz',
  ])
  assert.equal(request, captured.delete.request)
  assert.deepEqual(
    answer.topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['orders', 0],
      ['zzz', 3],
    ],
  )
})
