import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { guardFolder, type JavaProcess } from './broker-process.ts'
import { type BrokerRun, runApart, runHosted } from './broker-run.ts'
import { formatStorage, kafkaUuid } from './broker-storage.ts'
import { freePort } from './free-port.ts'
import { quickJava } from './java-programs.ts'
import { type KafkaVersion, kafkaJars } from './kafka-jars.ts'
import { tempFolder } from './temp-folder.ts'

/** A listener beside the plain one: `security` is the Kafka name of its protocol. */
export interface ListenerOptions {
  readonly name: string
  readonly security: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  /** Host that clients are told. @default '127.0.0.1' */
  readonly host?: string
  /** Port that clients are told, such as that of a proxy in front; one for each broker where there are several. @default the one that is listened on */
  readonly toldPort?: number | readonly number[]
}

export interface ClusterSetup {
  /** @default '4.2.0' */
  readonly version?: KafkaVersion
  /** @default 1 */
  readonly brokers?: number
  /** Broker properties over the defaults of {@link testProperties}. */
  readonly properties?: Readonly<Record<string, string>>
  readonly listeners?: readonly ListenerOptions[]
  /** Users made at format time, for example `SCRAM-SHA-256=[name=alice,password=secret]`. */
  readonly scram?: readonly string[]
  /**
   * Brokers as processes of their own, which can be stopped, killed and paused; without it those of Kafka 4.2 run in the tests' JVM,
   * which takes a fraction of the time. @default false
   */
  readonly apart?: boolean
  /** More arguments for the JVM of a broker apart. */
  readonly jvm?: readonly string[]
  /** Of a broker apart. @default '384m' */
  readonly heap?: string
  /** Start quickly and stay small (`tests`), or run as brokers are run (`production`: apart). @default 'tests' */
  readonly tuning?: 'tests' | 'production'
}

/** One broker of a test cluster. Ports and data stay the same over restarts. */
export interface TestBroker {
  readonly id: number
  readonly port: number
  /** Port of a named listener. */
  portOf(listener: string): number
  /** Folder of the partition logs. */
  readonly logs: string
  /** While it runs apart. */
  readonly process: JavaProcess | undefined
  start(): Promise<void>
  /** Controlled stop of a broker apart. */
  stop(): Promise<void>
  /** SIGKILL to a broker apart. */
  kill(): Promise<void>
  /** What the broker has printed. */
  output(): Promise<string>
}

export interface TestCluster extends AsyncDisposable {
  readonly version: KafkaVersion
  readonly clusterId: string
  /** `host:port,…` of the plain listener. */
  readonly bootstrap: string
  readonly brokers: readonly TestBroker[]
  /** Broker by its id (from 1). */
  broker(id: number): TestBroker
}

/** Settings that make a small test cluster quick: few internal partitions, no initial rebalance delay, fast failure detection. */
function testProperties(brokers: number): Record<string, string> {
  const replicas = String(Math.min(brokers, 3))
  const inSync = brokers > 1 ? '2' : '1'
  return {
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '2',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'broker.session.timeout.ms': brokers > 1 ? '3000' : '9000',
    'broker.heartbeat.interval.ms': '500',
    'controller.quorum.election.timeout.ms': '500',
    'controller.quorum.fetch.timeout.ms': '1000',
    'replica.lag.time.max.ms': '5000',
    'log.retention.check.interval.ms': '1000',
    'log.cleaner.backoff.ms': '500',
    'log.initial.task.delay.ms': '500',
  }
}

/** What a broker does without, unless it runs as brokers are run. */
const spared: Readonly<Record<string, string>> = {
  // The default is 128 MB, cleared at every start.
  'log.cleaner.dedupe.buffer.size': '16777216',
  // A JMX bean for each connection and each sensor.
  'metric.reporters': '',
}

/** Starts real Apache Kafka brokers (KRaft, combined roles) on free loopback ports, in a folder of their own. */
export async function startCluster(setup: ClusterSetup = {}): Promise<TestCluster> {
  const version = setup.version ?? '4.2.0'
  const count = setup.brokers ?? 1
  const folder = await tempFolder('brokers')
  const guard = guardFolder(folder.path)
  const clusterId = kafkaUuid()
  const listeners: readonly ListenerOptions[] = [
    { name: 'PLAINTEXT', security: 'PLAINTEXT' },
    ...(setup.listeners ?? []),
  ]
  const nodes: NodePorts[] = []
  for (let id = 1; id <= count; id++) {
    const ports = new Map<string, number>()
    for (const listener of listeners) ports.set(listener.name, await freePort())
    nodes.push({ id, controller: await freePort(), ports })
  }
  const voters = nodes.map((node) => `${node.id}@127.0.0.1:${node.controller}`).join(',')
  const jars = await kafkaJars(version)
  const brokers = nodes.map(
    (node) =>
      new Broker(node, { version, jars, folder: folder.path, voters, listeners, setup, clusterId, count }),
  )
  try {
    await Promise.all(brokers.map((broker) => broker.prepare()))
    await Promise.all(brokers.map((broker) => broker.start()))
  } catch (error) {
    const printed = await Promise.all(brokers.map((broker) => broker.output()))
    await Promise.all(brokers.map((broker) => broker.discard()))
    guard[Symbol.dispose]()
    await folder[Symbol.asyncDispose]()
    throw new Error(`The test cluster did not start:\n${printed.join('\n').slice(-4000)}`, { cause: error })
  }
  return {
    version,
    clusterId,
    bootstrap: brokers.map((broker) => `127.0.0.1:${broker.port}`).join(','),
    brokers,
    broker(id) {
      const found = brokers.find((broker) => broker.id === id)
      if (!found) throw new Error(`No broker ${id}`)
      return found
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(brokers.map((broker) => broker.discard()))
      guard[Symbol.dispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** What Kafka's own start script sets. */
const productionJvm: readonly string[] = [
  ...['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
  ...['-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true'],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
]

interface NodePorts {
  readonly id: number
  readonly controller: number
  readonly ports: ReadonlyMap<string, number>
}

interface BrokerContext {
  readonly version: KafkaVersion
  readonly jars: string
  readonly folder: string
  readonly voters: string
  readonly listeners: readonly ListenerOptions[]
  readonly setup: ClusterSetup
  readonly clusterId: string
  readonly count: number
}

class Broker implements TestBroker {
  readonly id: number
  readonly logs: string
  readonly #node: NodePorts
  readonly #context: BrokerContext
  #run: BrokerRun | undefined

  constructor(node: NodePorts, context: BrokerContext) {
    this.id = node.id
    this.#node = node
    this.#context = context
    this.logs = join(context.folder, `node-${node.id}`, 'logs')
  }

  get port(): number {
    return this.portOf('PLAINTEXT')
  }

  get process(): JavaProcess | undefined {
    return this.#run?.process
  }

  portOf(listener: string): number {
    const port = this.#node.ports.get(listener)
    if (port === undefined) throw new Error(`No listener ${listener}`)
    return port
  }

  async prepare(): Promise<void> {
    const { clusterId, version, setup } = this.#context
    await mkdir(join(this.#context.folder, `node-${this.id}`), { recursive: true })
    await writeFile(this.#properties, this.#propertyLines().join('\n'))
    await formatStorage({
      version,
      logs: this.logs,
      properties: this.#properties,
      clusterId,
      nodeId: this.id,
      scram: setup.scram ?? [],
    })
  }

  async start(): Promise<void> {
    const { jars, version, setup } = this.#context
    const heap = setup.heap ?? '384m'
    if (!this.#apart) {
      this.#run = await runHosted(this.#properties)
      return
    }
    const java =
      setup.tuning === 'production'
        ? [`-Xmx${heap}`, ...productionJvm, '-cp', `${jars}/*`]
        : await quickJava(version, heap)
    const line = [...java, ...(setup.jvm ?? []), 'kafka.Kafka', this.#properties]
    this.#run = await runApart(line, this.#log, this.port)
  }

  async stop(): Promise<void> {
    await this.#run?.signal('SIGTERM')
    this.#run = undefined
  }

  async kill(): Promise<void> {
    await this.#run?.signal('SIGKILL')
    this.#run = undefined
  }

  /** At the end of the cluster. */
  async discard(): Promise<void> {
    const run = this.#run
    this.#run = undefined
    await run?.discard()
  }

  async output(): Promise<string> {
    return await readFile(this.#log, 'utf8').catch(() => '')
  }

  get #apart(): boolean {
    const { version, setup } = this.#context
    return version !== '4.2.0' || setup.apart === true || setup.tuning === 'production'
  }

  get #properties(): string {
    return join(this.#context.folder, `node-${this.id}`, 'server.properties')
  }

  get #log(): string {
    return join(this.#context.folder, `node-${this.id}`, 'out.log')
  }

  #propertyLines(): string[] {
    const { listeners, voters, count, setup } = this.#context
    const all = listeners.map((l) => `${l.name}://127.0.0.1:${this.portOf(l.name)}`)
    const told = (ports: ListenerOptions['toldPort']) =>
      typeof ports === 'object' ? ports[this.id - 1] : ports
    const advertised = listeners.map(
      (l) => `${l.name}://${l.host ?? '127.0.0.1'}:${told(l.toldPort) ?? this.portOf(l.name)}`,
    )
    const security = listeners.map((l) => `${l.name}:${l.security}`)
    const properties: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(this.id),
      'broker.rack': `rack${this.id}`,
      'controller.quorum.voters': voters,
      'controller.listener.names': 'CONTROLLER',
      listeners: [`CONTROLLER://127.0.0.1:${this.#node.controller}`, ...all].join(','),
      'advertised.listeners': advertised.join(','),
      'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...security].join(','),
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': this.logs,
      ...testProperties(count),
      ...(setup.tuning !== 'production' && spared),
      // It is never gone, but a busy machine may keep it silent.
      ...(!this.#apart && { 'broker.session.timeout.ms': '60000' }),
      ...setup.properties,
    }
    return Object.entries(properties).map(([name, value]) => `${name}=${value}`)
  }
}
