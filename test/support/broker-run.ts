import { type JavaProcess, startJava, waitForPort } from './broker-process.ts'
import { startJavaClient } from './java-client.ts'

/** A broker that has been started. */
export interface BrokerRun {
  /** Its own process, if it has one. */
  readonly process: JavaProcess | undefined
  /** Ends it by a signal, which takes a process of its own. */
  signal(name: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Ends it when nobody cares any more how. */
  discard(): Promise<void>
}

/** Starts a broker as a process: `java …arguments`, output to `log`. */
export async function runApart(
  javaArguments: readonly string[],
  log: string,
  port: number,
): Promise<BrokerRun> {
  const process = await startJava(javaArguments, log)
  const signal = async (name: NodeJS.Signals) => {
    process.signal('SIGCONT')
    process.signal(name)
    await process.ended()
  }
  try {
    await waitForPort(port, process)
  } catch (error) {
    await signal('SIGKILL')
    throw error
  }
  return { process, signal, discard: () => signal('SIGKILL') }
}

/** Starts a broker within the tests' JVM, from a file of its properties. */
export async function runHosted(properties: string): Promise<BrokerRun> {
  const session = await startJavaClient()
  session.unref()
  try {
    await session.ask('broker', 'it', properties)
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
  return {
    process: undefined,
    async signal(name) {
      throw new Error(`A broker that gets ${name} needs a process: start the cluster with \`apart: true\``)
    },
    async discard() {
      await session.ask('end-broker', 'it')
      await session[Symbol.asyncDispose]()
    },
  }
}
