import { TidemarkError } from '../base/index.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import { describeConfigsVersions, resourceTypes } from './topic-configs.ts'

/** The value of one broker setting, as the first broker has it. Rejects when it may not be read. */
export async function brokerConfig(session: Session, name: string): Promise<string> {
  return session.retrying(async () => {
    if (session.pool.brokers.length === 0) await session.metadata([])
    const [broker] = session.pool.brokers
    const connection = broker ? await session.pool.to(broker.id) : await session.pool.any()
    const resource = {
      resourceType: resourceTypes.broker,
      resourceName: String(broker?.id ?? 0),
      configurationKeys: null,
    }
    const response = await session.request(connection, describeConfigsVersions, [[resource], false])
    const [result] = response.results
    if (result && result.errorCode !== 0) {
      throw errorFromCode(result.errorCode, {
        doing: `read the broker setting ${name}`,
        acl: 'DescribeConfigs',
        message: result.errorMessage,
      })
    }
    const value = result?.configs.find((entry) => entry.name === name)?.value
    if (value === undefined || value === null) {
      throw new TidemarkError('BROKER_ERROR', `The broker does not tell its setting ${name}`)
    }
    return value
  })
}
