import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noTelemetry } from '../../src/base/index.ts'
import { connectBoth } from '../../src/replicate/connect-both.ts'
import { startScripted } from '../support/scripted-listener.ts'

/** Longer than any test: what rejects does not do so because it was late. */
const connectTimeout = 3_600_000

test('an interruption gives up the search for clusters that do not answer', async () => {
  await using silent = await startScripted({ onConnect: () => interruption.abort(reason) })
  const reason = new Error('interrupted')
  const interruption = new AbortController()
  const options = { bootstrap: [`${silent.host}:${silent.port}`], connectTimeout }
  const context = { signal: interruption.signal, telemetry: noTelemetry }
  await assert.rejects(connectBoth({ source: options, target: options }, context), reason)
})

test('where one cluster cannot be reached, the other is not waited for', async () => {
  await using silent = await startScripted({ onConnect: () => {} })
  const context = { signal: new AbortController().signal, telemetry: noTelemetry }
  const found = connectBoth(
    {
      source: { bootstrap: [`${silent.host}:${silent.port}`], connectTimeout },
      target: { bootstrap: ['127.0.0.1:9'], connectTimeout: 1 },
    },
    context,
  )
  await assert.rejects(found, { code: 'BROKER_UNREACHABLE' })
})
