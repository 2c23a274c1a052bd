/** One request on the hot path: the body is written as it is, the answer is received where the caller says. */
export interface Exchange {
  readonly apiKey: number
  readonly apiVersion: number
  /** The request header ends with tagged fields (version 2), as in all flexible versions. */
  readonly flexible: boolean
  /** The request after its header. Must stay unchanged until the exchange has settled. */
  readonly body: readonly Uint8Array[]
  /**
   * Asked for memory of at least `size` bytes when the response begins and its size is known. The rest of the
   * response is read straight into it. Without it, fresh memory is taken. When the exchange rejects, nothing is
   * written into that memory any more.
   */
  readonly into?: (size: number) => Buffer
  /** Ms until the connection is given up. */
  readonly timeout?: number
}

/** Whether a broker may have seen a request that failed. Stands in `details.outcome` of the error. */
export type RequestOutcome = 'unknown' | 'not-sent'

/** Takes the response, or the reason why there is none. */
export type Done = (error: Error | null, frame?: Buffer) => void
