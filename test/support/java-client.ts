import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { javaHostPort } from './java-host.ts'

/** A record as the neutral reader saw it. */
export interface SeenRecord {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly timestampType: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** A record for the neutral writer. */
export interface WrittenRecord {
  readonly topic: string
  readonly partition?: number
  readonly timestamp?: bigint
  readonly key?: Buffer | string | null
  readonly value?: Buffer | string | null
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | string | null }[]
}

export interface Filling {
  readonly topic: string
  readonly partitions: number
  /** @default 0 */
  readonly first?: number
  readonly count: number
  readonly timestamp?: bigint | undefined
  readonly size: number
}

export interface JavaProducer {
  /** Sends; what fails is told by `flush` or `commit`. */
  send(...records: readonly WrittenRecord[]): void
  /**
   * `count` records for each of the partitions from 0 on, durable when it resolves: key `<partition>-<i>`, value
   * `<partition>-<i>|…` of `size` bytes, time `timestamp + i` (now, when there is none).
   */
  fill(filling: Filling): Promise<void>
  flush(): Promise<void>
  /** Commits a position of a group as part of the transaction. */
  sendOffset(group: string, topic: string, partition: number, offset: bigint): Promise<void>
  begin(): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  close(): Promise<void>
}

/** Kafka's own Java client, a session of the tests' JVM until it is disposed. */
export interface JavaClient extends AsyncDisposable {
  /** Settings are Kafka's own; with `transactional.id` the producer is initialised for transactions. */
  producer(settings: Readonly<Record<string, string>>): Promise<JavaProducer>
  /** Records of a partition from an offset (the log start when it lies before) to the end, or at most `max`. */
  read(
    bootstrap: string,
    topic: string,
    partition: number,
    options?: {
      readonly from?: bigint
      readonly max?: number
      readonly isolation?: 'read_committed' | 'read_uncommitted'
    },
  ): Promise<SeenRecord[]>
  commitOffset(
    bootstrap: string,
    group: string,
    topic: string,
    partition: number,
    offset: bigint,
    metadata?: string,
  ): Promise<void>
  /** A line of its protocol (see JavaClient.java) and the fields of each line of the answer. */
  ask(...words: readonly string[]): Promise<string[][]>
  /** Runs one of Kafka's command-line tools in this JVM. */
  tool(mainClass: string, toolArguments: readonly string[], input?: string): Promise<JavaToolResult>
  /** Lets this process end although the session is open: it ends with it. */
  unref(): void
}

export interface JavaToolResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Opens a session; about a second where this process has none yet and was not handed a JVM. */
export async function startJavaClient(): Promise<JavaClient> {
  const socket = connect({ host: '127.0.0.1', port: await javaHostPort(), noDelay: true })
  await once(socket, 'connect')
  return new LineClient(socket)
}

class LineClient implements JavaClient {
  readonly #socket: Socket
  readonly #answers: {
    readonly lines: string[]
    readonly resolve: (lines: string[]) => void
    readonly reject: (error: Error) => void
  }[] = []
  readonly #gone: Promise<void>
  #producers = 0
  /** Whether this process stays for the session even when nothing is asked. */
  #holds = true

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => this.#line(line))
    this.#gone = new Promise((resolve) => {
      socket.once('close', () => {
        for (const waiting of this.#answers.splice(0))
          waiting.reject(new Error('The JVM of the tests is gone, or has ended the session'))
        resolve()
      })
    })
  }

  async producer(settings: Readonly<Record<string, string>>): Promise<JavaProducer> {
    const name = `p${this.#producers++}`
    const patient = {
      // A busy machine may keep a broker from answering for minutes.
      'delivery.timeout.ms': '600000',
      'max.block.ms': '300000',
      // Of several first batches into a new topic a later one may be taken before the log is ready for the first, which is then
      // refused for ever as out of order.
      'max.in.flight.requests.per.connection': '1',
      ...settings,
    }
    await this.#ask('producer', name, ...Object.entries(patient).map(([key, value]) => `${key}=${value}`))
    if (settings['transactional.id']) await this.#ask('init', name)
    const ask = async (word: string) => {
      await this.#ask(word, name)
    }
    return {
      send: (...records) => {
        for (const record of records) this.#send(name, record)
      },
      fill: async ({ topic, partitions, first = 0, count, timestamp, size }) => {
        const numbers = [partitions, first, count, timestamp ?? '-', size]
        await this.#ask('fill', name, topic, ...numbers.map(String))
      },
      flush: () => ask('flush'),
      sendOffset: async (group, topic, partition, offset) => {
        await this.#ask('send-offset', name, group, topic, String(partition), String(offset))
      },
      begin: () => ask('begin'),
      commit: () => ask('commit'),
      abort: () => ask('abort'),
      close: () => ask('close'),
    }
  }

  async read(
    bootstrap: string,
    topic: string,
    partition: number,
    options: { from?: bigint; max?: number; isolation?: string } = {},
  ): Promise<SeenRecord[]> {
    const { from = 0n, max = Number.MAX_SAFE_INTEGER, isolation = 'read_committed' } = options
    const lines = await this.#ask(
      'read',
      bootstrap,
      topic,
      String(partition),
      String(from),
      String(max),
      isolation,
    )
    return lines.map((line) => {
      const [, offset = '', timestamp = '', timestampType = '', key = '', value = '', ...headers] =
        line.split('\t')
      return {
        offset: BigInt(offset),
        timestamp: BigInt(timestamp),
        timestampType,
        key: fromWord(key),
        value: fromWord(value),
        headers: headers.map((header) => {
          const [name = '', content = ''] = header.split(':')
          return { key: fromWord(name)?.toString() ?? '', value: fromWord(content) }
        }),
      }
    })
  }

  async commitOffset(
    bootstrap: string,
    group: string,
    topic: string,
    partition: number,
    offset: bigint,
    metadata = '',
  ): Promise<void> {
    await this.#ask('commit-offset', bootstrap, group, topic, String(partition), String(offset), metadata)
  }

  async ask(...words: readonly string[]): Promise<string[][]> {
    return (await this.#ask(...words)).map((line) => line.split('\t').slice(1))
  }

  async tool(
    mainClass: string,
    toolArguments: readonly string[],
    input: string = '',
  ): Promise<JavaToolResult> {
    const [line = ''] = await this.#ask('tool', mainClass, word(input), ...toolArguments.map(word))
    const [, code = '', stdout = '', stderr = ''] = line.split('\t')
    return {
      code: Number(code),
      stdout: fromWord(stdout)?.toString() ?? '',
      stderr: fromWord(stderr)?.toString() ?? '',
    }
  }

  unref(): void {
    this.#holds = false
    this.#socket.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.#gone
  }

  #send(name: string, record: WrittenRecord): void {
    const headers = (record.headers ?? []).map((header) => `${word(header.key)}:${word(header.value)}`)
    const place = [record.topic, record.partition ?? '-', record.timestamp ?? '-']
    const words = ['send', name, ...place.map(String), word(record.key), word(record.value), ...headers]
    this.#socket.write(`${words.join('\t')}\n`)
  }

  async #ask(...words: string[]): Promise<string[]> {
    if (this.#socket.destroyed) throw new Error('The session is closed')
    this.#socket.ref()
    try {
      return await new Promise((resolve, reject) => {
        this.#answers.push({ lines: [], resolve, reject })
        this.#socket.write(`${words.join('\t')}\n`)
      })
    } finally {
      if (!this.#holds && this.#answers.length === 0) this.#socket.unref()
    }
  }

  #line(line: string): void {
    const [waiting] = this.#answers
    if (!waiting) return
    if (line === 'ok' || line.startsWith('error ')) {
      this.#answers.shift()
      if (line === 'ok') waiting.resolve(waiting.lines)
      else waiting.reject(new Error(line.slice(6)))
    } else if (line.startsWith('r\t')) waiting.lines.push(line)
  }
}

function word(bytes: Buffer | string | null | undefined): string {
  return bytes === null || bytes === undefined ? '-' : Buffer.from(bytes).toString('base64')
}

function fromWord(text: string): Buffer | null {
  return text === '-' ? null : Buffer.from(text, 'base64')
}
