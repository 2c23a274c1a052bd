import { TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { addressText, type BrokerAddress } from './broker-socket.ts'

/** Ms after which the next address is tried while the last one has not answered. */
const stagger = 1000

interface Failed {
  readonly address: string
  readonly error: unknown
}

/**
 * Tries addresses in order, the next one as soon as the last has failed or has been silent for a second, and keeps the
 * first connection. So one address that swallows packets cannot use up the `timeout` (ms) of all.
 *
 * Rejects when all have failed: with the only error if there is one, else with BROKER_UNREACHABLE naming each address.
 * Refused credentials end the search at once: trying them everywhere would lock accounts.
 */
export async function firstToConnect(
  addresses: readonly BrokerAddress[],
  connect: (address: BrokerAddress, signal: AbortSignal) => Promise<BrokerConnection>,
  timeout: number,
  signal: AbortSignal,
): Promise<BrokerConnection> {
  const others = new AbortController()
  const all = AbortSignal.any([signal, others.signal])
  return new Promise<BrokerConnection>((resolve, reject) => {
    const errors: Failed[] = []
    const waiting = new Set<string>()
    let next = 0
    let settled = false
    let timer: NodeJS.Timeout | undefined
    const settle = () => {
      settled = true
      clearTimeout(timer)
      clearTimeout(overall)
      others.abort()
    }
    const late = () => {
      settle()
      const silent = [...waiting].map((address) => ({ address, error: noAnswer(address, timeout) }))
      reject(unreachable([...errors, ...silent]))
    }
    const overall = setTimeout(late, timeout)
    const failed = (address: BrokerAddress, error: unknown) => {
      if (settled) return
      waiting.delete(addressText(address))
      errors.push({ address: addressText(address), error })
      const final = error instanceof TidemarkError && error.code === 'AUTHENTICATION_FAILED'
      if (!final && !signal.aborted && errors.length < addresses.length) return tryNext()
      settle()
      reject(signal.aborted ? signal.reason : final ? error : unreachable(errors))
    }
    const tryNext = () => {
      clearTimeout(timer)
      const address = addresses[next++]
      if (address === undefined) return
      timer = setTimeout(tryNext, stagger)
      waiting.add(addressText(address))
      connect(address, all).then(
        (connection) => {
          if (settled) return connection.close()
          settle()
          resolve(connection)
        },
        (error: unknown) => failed(address, error),
      )
    }
    tryNext()
  })
}

function unreachable(errors: readonly Failed[]): unknown {
  const [first] = errors
  if (errors.length <= 1) return first?.error
  const reasons = errors.map(({ error }) => (error instanceof Error ? error.message : String(error)))
  const hint = errors
    .map(({ error }) => (error instanceof TidemarkError ? error.hint : undefined))
    .find(Boolean)
  return new TidemarkError('BROKER_UNREACHABLE', `No broker can be reached: ${reasons.join('; ')}`, {
    retriable: errors.some(({ error }) => error instanceof TidemarkError && error.retriable),
    details: { brokers: errors.map(({ address }) => address) },
    cause: first?.error,
    ...(hint && { hint }),
  })
}

function noAnswer(address: string, timeout: number): TidemarkError {
  return new TidemarkError(
    'BROKER_UNREACHABLE',
    `Cannot reach broker ${address}: no answer within ${timeout} ms`,
    {
      retriable: true,
      details: { broker: address },
      hint: 'Check the address and firewalls between here and the broker.',
    },
  )
}
