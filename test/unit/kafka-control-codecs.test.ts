import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader } from '@platformatic/kafka'
import {
  consumerGroupDescribe,
  type DescribedGroups,
  shareGroupDescribe,
} from '../../src/kafka/group-codecs.ts'
import { streamsGroupDescribe } from '../../src/kafka/streams-group-codec.ts'

/** Response bodies as the classes of Kafka 4.2 write them. */
const written = {
  streams: [
    '00000003030000000461707007537461626c650000000900000009010000000202023003076f7264657273097061',
    '796d656e747302037265020673746f7265000000030001020f636c65616e75702e706f6c69637908636f6d706163',
    '74000001000003096d656d6265722d310000000402690009636c69656e742d610a2f31302e302e302e3100000002',
    '02700102681f900002057a6f6e6502610002023000000001000000000000004d0001020230040000000000000001',
    '00000002000102023002000000050000020230040000000000000001000000020001020230020000000500000000',
    '096d656d6265722d3200000000000009636c69656e742d620a2f31302e302e302e320000000001ff010101010101',
    '00010101000000800000000000451647726f7570206e6f7065206e6f7420666f756e642e056e6f70650100000000',
    '00000000ff01800000000000',
  ].join(''),
  share: [
    '000000000200000006736861726507537461626c6500000000000000000773696d706c6502037331027200000001',
    '02630a2f31302e302e302e3302027402000000000000000000000000000000010274030000000000000001000000',
    '800000000000',
  ].join(''),
  consumer0: [
    '0000000002000000046e657707537461626c65000000000000000008756e69666f726d02026d0000000000000263',
    '0a2f31302e302e302e34030274027504742e2a020000000000000000000000000000000102740300000000000000',
    '010000010000800000000000',
  ].join(''),
  consumer1: [
    '0000000002000000046e657707537461626c65000000000000000008756e69666f726d02026d0000000000000263',
    '0a2f31302e302e302e34030274027504742e2a020000000000000000000000000000000102740300000000000000',
    '01000001000100800000000000',
  ].join(''),
}

type Codec = typeof streamsGroupDescribe

async function read(codecs: Codec, version: number, hex: string): Promise<DescribedGroups> {
  const codec = codecs.find((api) => api.version === version)
  assert.ok(codec)
  const reader = Reader.from(Buffer.from(hex, 'hex'))
  const client = {
    send(
      key: number,
      sent: number,
      _create: unknown,
      parse: unknown,
      _a: unknown,
      _b: unknown,
      done: unknown,
    ) {
      const answer = (parse as (id: number, key: number, version: number, reader: Reader) => unknown)(
        1,
        key,
        sent,
        reader,
      )
      ;(done as (error: null, answer: unknown) => void)(null, answer)
    },
  }
  const answer = await codec.async(client as never, [])
  assert.equal(reader.remaining, 1, 'all but the tagged fields of the response is read')
  return answer
}

test('a described streams group is read with and without topology, endpoint and tasks', async () => {
  const { throttleTimeMs, groups } = await read(streamsGroupDescribe, 0, written.streams)
  assert.equal(throttleTimeMs, 3)
  const [app, missing] = groups
  assert.equal(groups.length, 2)
  assert.deepEqual(
    { ...app },
    {
      errorCode: 0,
      errorMessage: null,
      groupId: 'app',
      groupState: 'Stable',
      members: [
        { memberId: 'member-1', clientId: 'client-a', clientHost: '/10.0.0.1' },
        { memberId: 'member-2', clientId: 'client-b', clientHost: '/10.0.0.2' },
      ],
    },
  )
  assert.equal(missing?.errorCode, 69)
  assert.equal(missing?.errorMessage, 'Group nope not found.')
})

test('a described share group is read', async () => {
  const { groups } = await read(shareGroupDescribe, 1, written.share)
  assert.deepEqual(groups[0]?.members, [{ memberId: 's1', clientId: 'c', clientHost: '/10.0.0.3' }])
  assert.equal(groups[0]?.groupState, 'Stable')
})

test('a described consumer group is read in both versions', async () => {
  for (const [version, hex] of [written.consumer0, written.consumer1].entries()) {
    const { groups } = await read(consumerGroupDescribe, version, hex)
    assert.deepEqual(groups[0]?.members, [{ memberId: 'm', clientId: 'c', clientHost: '/10.0.0.4' }])
  }
})
