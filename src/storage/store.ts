/** What a listing says of an object. */
export interface ObjectInfo {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch, as far as the store knows. */
  readonly modified: number
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface PutOptions extends CallOptions {
  /** Make the object only if no object of that key exists; atomic among any number of writers. */
  readonly ifAbsent?: boolean
}

/** Bytes to write, in order; never changed or kept by the store after the call has ended. */
export type Bytes = Uint8Array | readonly Uint8Array[]

/** An object being written piece by piece. Invisible to `get`, `head` and `list` until `close` resolved. */
export interface ObjectWriter {
  /** Bytes taken so far. */
  readonly size: number
  /**
   * Appends. The caller may reuse the memory once this resolves. Calls must not overlap.
   *
   * After a rejection that is retriable the same call may be made again with the same bytes, and goes on where it
   * stopped (the retry wrapper does this); after any other rejection only `abort` makes sense.
   */
  write(bytes: Bytes, options?: CallOptions): Promise<void>
  /** Makes the object visible and durable. May be made again after a retriable rejection. */
  close(options?: CallOptions): Promise<void>
  /** Drops what was written; never rejects; closing or aborting twice does no harm. */
  abort(): Promise<void>
}

/**
 * A place for objects: a folder, a bucket prefix, memory. Promises that every driver keeps:
 *
 * - a resolved `put` or `ObjectWriter.close` is durable and visible to every other client at once;
 * - an object is whole or absent: an interrupted write leaves no object and no partial one;
 * - `put` with `ifAbsent` has exactly one winner among any number of concurrent callers; the others get `false`;
 * - `list` answers in the byte order of the UTF-8 keys, with every object whose write had resolved before the call;
 * - errors are `TidemarkError`: STORAGE_NOT_FOUND, STORAGE_DENIED, STORAGE_FULL, STORAGE_UNAVAILABLE (mostly
 *   retriable), STORAGE_UNSUPPORTED, STORAGE_KEY_INVALID; `details.object` names the key, and `details.outcome` is
 *   `'unknown'` when the call failed but may have taken effect;
 * - a driver never retries, limits or logs: wrappers do.
 *
 * Keys are relative to the root: segments separated by `/`, each of 1 to 255 bytes and neither `.` nor `..`, together
 * at most 1,024 bytes of UTF-8 without control characters; no key is a folder of another.
 */
export interface ObjectStore extends AsyncDisposable {
  /** For messages: where this is, without secrets. */
  readonly url: string
  /** Largest number of bytes worth sending in one `put`; larger objects go through `create`. */
  readonly putLimit: number
  /** Writes a whole object. With `ifAbsent`, answers whether this call made it; otherwise replaces and answers true. */
  put(key: string, bytes: Bytes, options?: PutOptions): Promise<boolean>
  /** Begins an object written piece by piece; closing replaces what was there. The signal covers the whole life of the writer. */
  create(key: string, options?: CallOptions): Promise<ObjectWriter>
  /** The whole object. */
  get(key: string, options?: CallOptions): Promise<Buffer>
  /** Fills `target` with the bytes from `position` on; rejects with ARCHIVE_DAMAGED when the object ends before. */
  read(key: string, position: number, target: Buffer, options?: CallOptions): Promise<void>
  /** Size and time, or undefined when there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>
  /** Objects whose key starts with `prefix`, after `startAfter` if given. */
  list(prefix: string, options?: CallOptions & { readonly startAfter?: string }): AsyncIterable<ObjectInfo>
  /** Deletes; that an object is already gone is no error. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>
}
