import { isTidemarkError, systemClock, TidemarkError } from '../base/index.ts'
import { apiKey } from './data-codes.ts'
import { doChores } from './fetch-chores.ts'
import { flightVersion, fly, type Landed } from './fetch-flight.ts'
import { LaneBook, type LaneHost } from './fetch-lane-book.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { readResponse } from './fetch-read.ts'
import { fetchVersions, topicIdVersion } from './fetch-request.ts'
import { mayPass } from './leader-finder.ts'

interface Flight {
  readonly asked: readonly FetchPartition[]
  readonly version: number
  readonly maxBytes: number
  readonly maxWait: number
  /** Ms (monotonic) when the request left. */
  readonly left: number
  readonly landed: Promise<Landed>
}

/** The other lanes of the same broker. */
export interface LaneSiblings {
  /** One that has nothing to do. */
  idleSibling(): FetchLane | undefined
  /** A partition has been given to another lane. */
  moved(partition: FetchPartition, to: FetchLane): void
}

/** Bytes asked for first. */
const firstBytes = 1 << 20
/** Bytes asked for while a lane's partitions are idle. */
const leastBytes = 64 << 10
/** Answers of fewer bytes are little: asking for the next at once would cost more than it brings. */
const little = 256 << 10
/** Ms to pause after an answer that held nothing and came too soon. */
const tooSoonPause = 50

/**
 * One connection to one broker with partitions of its own, and one fetch in flight on it. The next request leaves as soon as
 * the batch headers of a response are read and there is memory for another, before the sink is handed the batches.
 *
 * A lane lives as long as its connection can be had. When that fails, all its partitions are doubted, and the fetcher
 * finds lanes for them again.
 */
export class FetchLane {
  readonly #book: LaneBook
  readonly #host: LaneHost
  readonly #siblings: LaneSiblings
  #wake: (() => void) | undefined
  #stopped = false
  #askBytes: number

  constructor(broker: number, host: LaneHost, siblings: LaneSiblings) {
    this.#book = new LaneBook(broker, host)
    this.#host = host
    this.#siblings = siblings
    this.#askBytes = Math.min(firstBytes, host.maxBytes)
  }

  /** Partitions that the lane has. */
  get load(): number {
    return this.#book.queue.size
  }

  get stopped(): boolean {
    return this.#stopped
  }

  add(partition: FetchPartition, closing = false): void {
    this.#book.add(partition, closing)
    this.#wake?.()
  }

  remove(partition: FetchPartition): void {
    this.#book.remove(partition)
  }

  stop(): void {
    this.#stopped = true
    this.#book.closeConnection()
    this.#wake?.()
  }

  /** Runs until stopped or until the connection fails. Rejects only for a defect. */
  async run(): Promise<void> {
    try {
      await this.#connect()
      await this.#loop()
    } catch (error) {
      if (this.#stopped || this.#host.signal.aborted) return
      if (!isTidemarkError(error) || error.code === 'INTERNAL') throw error
      this.#fail(error)
    } finally {
      this.stop()
    }
  }

  async #loop(): Promise<void> {
    let flight: Flight | undefined
    try {
      while (!this.#stopped) {
        flight ??= await this.#launchWhenReady()
        if (!flight) continue
        const landed = await flight.landed
        const over = flight
        flight = undefined
        try {
          const byId = over.version >= topicIdVersion
          const { deliveries, bytes } = readResponse(this.#book, over.asked, landed, byId)
          this.#settle(over, bytes, deliveries.length)
          if (this.#mayLaunch()) flight = this.#launch()
          for (const { partition, what } of deliveries) this.#host.deliver(partition, what)
        } finally {
          landed.memory.release()
        }
      }
    } finally {
      // Stopped with a request under way: what it still brings goes straight back.
      flight?.landed.then(
        (landed) => landed.memory.release(),
        () => {},
      )
    }
  }

  async #connect(): Promise<void> {
    this.#book.closeConnection()
    const connection = await this.#host.connect(this.#book.broker)
    this.#book.connection = connection
    if (this.#stopped) connection.close()
    const version = connection.versionFor(apiKey.fetch, fetchVersions.min, fetchVersions.max)
    if (version === undefined) {
      throw new TidemarkError(
        'UNSUPPORTED_VERSION',
        `Broker ${connection.address} offers no Fetch version between ${fetchVersions.min} and ${fetchVersions.max}`,
        { details: { broker: connection.address } },
      )
    }
    this.#book.version = version
  }

  #mayLaunch(): boolean {
    const { queue, chores, connection, pausedUntil } = this.#book
    return (
      !this.#stopped &&
      queue.size > 0 &&
      chores.size === 0 &&
      connection.fresh &&
      systemClock.monotonic() >= pausedUntil
    )
  }

  /** Does what else is due, waits until there is something to ask and memory for the answer, and asks. */
  async #launchWhenReady(): Promise<Flight | undefined> {
    const pause = this.#book.pausedUntil - systemClock.monotonic()
    if (pause > 0) await systemClock.sleep(pause, this.#host.signal)
    if (this.#book.queue.size === 0) return this.#idle()
    if (!this.#book.connection.fresh) await this.#connect()
    if (this.#book.chores.size > 0) {
      await doChores(this.#book, (partition, what) => this.#host.deliver(partition, what))
    }
    if (!this.#mayLaunch()) return undefined
    const flight = this.#launch()
    if (flight) return flight
    const reserved = this.#host.memory.need(this.#askBytes)
    await this.#host.memory.reserve(reserved, this.#host.signal)
    if (this.#mayLaunch()) return this.#send(reserved)
    this.#host.memory.unreserve(reserved)
    return undefined
  }

  async #idle(): Promise<undefined> {
    if (this.#stopped) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }

  #launch(): Flight | undefined {
    const reserved = this.#host.memory.need(this.#askBytes)
    return this.#host.memory.tryReserve(reserved) ? this.#send(reserved) : undefined
  }

  #send(reserved: number): Flight {
    const { maxPartitions, committed, memory } = this.#host
    const asked = this.#book.queue.front(maxPartitions)
    // With a moving part of the partitions, each part may wait for its share of the time only.
    const parts = Math.ceil(this.#book.queue.size / maxPartitions)
    const maxWait = Math.ceil(this.#host.maxWait / parts)
    const version = flightVersion(this.#book.version, asked)
    const maxBytes = this.#askBytes
    const plan = { asked, version, maxWait, maxBytes, committed, rack: this.#rackFor(asked) }
    const landed = fly(this.#book.connection, plan, memory, reserved)
    return { asked, version, maxBytes, maxWait, left: systemClock.monotonic(), landed }
  }

  /** A leader that knows our rack may name a follower instead of giving data: not for a partition that must not leave it. */
  #rackFor(asked: readonly FetchPartition[]): string {
    if (this.#host.rack === '') return ''
    const now = systemClock.monotonic()
    return asked.some((p) => p.leaderOnlyUntil > now) ? '' : this.#host.rack
  }

  /** Prepares the next request: how much to ask for, whether to pause, whether to share. */
  #settle(flight: Flight, bytes: number, deliveries: number): void {
    const now = systemClock.monotonic()
    const wanted = bytes >= flight.maxBytes / 2 ? flight.maxBytes * 8 : Math.max(bytes * 4, leastBytes)
    this.#askBytes = Math.min(wanted, this.#host.maxBytes)
    if (deliveries === 0 && now - flight.left < flight.maxWait / 2) {
      this.#book.pausedUntil = Math.max(this.#book.pausedUntil, now + Math.min(tooSoonPause, flight.maxWait))
    }
    if (bytes < little) {
      this.#book.pausedUntil = Math.max(this.#book.pausedUntil, flight.left + this.#host.gather)
    }
    this.#share()
  }

  /** Gives half of the partitions to a lane that has none. */
  #share(): void {
    const { queue, closing } = this.#book
    if (queue.size < 2) return
    const sibling = this.#siblings.idleSibling()
    if (!sibling) return
    for (const partition of queue.last(Math.floor(queue.size / 2))) {
      const itsEnd = closing.has(partition)
      this.#book.remove(partition)
      this.#siblings.moved(partition, sibling)
      sibling.add(partition, itsEnd)
    }
  }

  #fail(error: TidemarkError): void {
    for (const partition of [...this.#book.queue]) {
      if (mayPass(error)) {
        partition.replica = undefined
        this.#book.doubt(partition, 'leader', error)
      } else {
        this.#book.remove(partition)
        this.#host.lost(partition, error)
      }
    }
  }
}
