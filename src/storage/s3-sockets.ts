import { Agent as HttpAgent, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { OnReadOpts, Socket } from 'node:net'

/** Bytes that a socket of its own accord takes at once: answers without a body that is waited for are small. */
const ownSize = 64 * 1024
/** Bytes received at once into the memory of a reader. Node's HTTP parser copies each piece: this one stays in the processor's cache. */
const pieceSize = 256 * 1024

const receivers = new WeakMap<object, Receiver>()

/** Agents whose sockets can receive the body of an answer where its reader wants it; see {@link Receiver}. */
export function receivingAgents(options: { readonly maxSockets: number }): readonly [HttpAgent, HttpsAgent] {
  const all = { keepAlive: true, scheduling: 'lifo', ...options } as const
  return [receiving(new HttpAgent(all)), receiving(new HttpsAgent(all))]
}

function receiving<A extends HttpAgent>(agent: A): A {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const receiver = new Receiver()
    const socket = connect(Object.assign({}, options, { onread: receiver.onread }), callback)
    if (socket) receivers.set(socket, receiver)
    return socket
  }
  return agent
}

/** Whoever reads a body of known length. */
export interface BodyReader {
  readonly target: Buffer
  /** Bytes of the body that have come through, while none wait in between. */
  readonly position: number | undefined
}

/** What receives the body of an answer, if its bytes come as they are: neither in chunks nor through a socket of another kind. */
export function receiverOf(body: unknown): Receiver | undefined {
  if (!(body instanceof IncomingMessage)) return undefined
  const plain =
    body.headers['transfer-encoding'] === undefined && body.headers['content-length'] !== undefined
  return plain ? receivers.get(body.socket) : undefined
}

/**
 * Where a socket puts what it receives. Left to itself, Node takes fresh memory for every 64 KiB, whose number sets off a whole
 * garbage collection for every twenty megabytes. Here the system writes into one buffer, and while a body is read, straight
 * to the place where the reader wants it. The bytes go through the HTTP parser all the same, which keeps the connection in
 * order and says how many of them belong to the body; the reader compares.
 */
export class Receiver {
  readonly onread: OnReadOpts
  readonly #own = Buffer.allocUnsafeSlow(ownSize)
  #reader: BodyReader | undefined
  #placed: { readonly from: number; readonly length: number } | undefined
  /** Bytes wait in the socket. */
  #behind = false
  /** Where in the body the buffer lies that the system has now; undefined when it is our own. */
  #at: number | undefined

  constructor() {
    const self = this
    this.onread = {
      buffer: () => this.#next(),
      callback(this: Socket, length: number, buffer: Uint8Array): boolean {
        return self.#received(this, length, buffer)
      },
    }
  }

  /** From the next read on, bytes go to where the reader is. */
  begin(reader: BodyReader): void {
    this.#reader = reader
    this.#placed = undefined
  }

  /** The reader has what it wanted, or its connection is destroyed. */
  end(): void {
    this.#reader = undefined
  }

  /** Whether these bytes of the body lie in the reader's memory already. Throws when they do, but elsewhere. */
  holds(from: number, length: number): boolean {
    const placed = this.#placed
    if (placed === undefined) return false
    this.#placed = undefined
    if (placed.from === from && placed.length === length) return true
    const error = new Error(`${length} bytes at ${from} are not the ${placed.length} at ${placed.from}`)
    error.name = 'IncompleteBody'
    throw error
  }

  /** Asked for whenever bytes have been handed on. */
  #next(): Uint8Array {
    const at = this.#behind || this.#placed !== undefined ? undefined : this.#reader?.position
    const target = this.#reader?.target
    if (at === undefined || target === undefined || at >= target.length) {
      this.#at = undefined
      return this.#own
    }
    this.#at = at
    return target.subarray(at, at + pieceSize)
  }

  #received(socket: Socket, length: number, buffer: Uint8Array): boolean {
    const bytes = buffer.subarray(0, length)
    this.#placed = this.#at === undefined ? this.#placed : { from: this.#at, length }
    const more = socket.push(this.#at === undefined ? Buffer.from(bytes) : bytes)
    this.#behind = socket.readableLength > 0
    return more
  }
}
