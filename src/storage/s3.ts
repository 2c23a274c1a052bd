import type * as Sdk from '@aws-sdk/client-s3'
import { Budget, TidemarkError } from '../base/index.ts'
import { sizeOf } from './bytes.ts'
import { checkKey, checkPrefix, keyFault } from './keys.ts'
import { PartWriter } from './part-writer.ts'
import { readBody } from './s3-body.ts'
import { S3Connection, type S3Options } from './s3-connection.ts'
import { s3ErrorName, statusOf } from './s3-errors.ts'
import { S3Upload } from './s3-upload.ts'
import { SegmentPool } from './segment-pool.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { endsBefore } from './store-errors.ts'

/** Parts under way at once for all writers of a store. */
const partsUnderWay = 6
/** Bytes from which on it pays to look before a conditional put. */
const looksFirst = 64 * 1024
/** Most keys that one request may delete, and deletions under way at once where a server takes only one a request. */
const mostDeletes = 1000
const singleDeletes = 8
/** Names under which servers say that they cannot delete many at once. */
const noBatches = ['NotImplemented', 'MethodNotAllowed', 'MissingContentMD5', 'InvalidRequest']

/**
 * Objects in a bucket of Amazon S3 or of a server that speaks its protocol. Atomic creation rests on `If-None-Match: *`.
 */
export class S3Store implements ObjectStore {
  readonly url: string
  readonly putLimit = 16 * 1024 * 1024
  readonly #connection: S3Connection
  readonly #pool = new SegmentPool()
  readonly #slots = new Budget(partsUnderWay)
  #batches = true

  private constructor(connection: S3Connection) {
    this.#connection = connection
    this.url = connection.url
  }

  /** Loads the SDK; sends nothing. Throws STORAGE_UNSUPPORTED when the SDK is not installed, CONFIG_INVALID for an endpoint that is none. */
  static async open(options: S3Options): Promise<S3Store> {
    return new S3Store(await S3Connection.open(options))
  }

  async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    checkKey(key)
    options.signal?.throwIfAborted()
    // Saves sending what cannot win. It also keeps the answer: a server that refuses without reading on cuts the
    // connection, and the refusal is lost in the noise.
    const look = options.ifAbsent === true && sizeOf(bytes) > looksFirst
    if (look && (await this.head(key, options)) !== undefined) return false
    const { sdk, target } = this.#connection
    try {
      await this.#connection.sendPayload(
        new sdk.PutObjectCommand({
          ...target(key),
          ...this.#connection.payload(bytes),
          ...(options.ifAbsent === true && { IfNoneMatch: '*' }),
        }),
        { doing: `write ${key}`, key, writes: true, signal: options.signal },
        (error) => options.ifAbsent === true && (statusOf(error) === 412 || statusOf(error) === 409),
      )
      return true
    } catch (error) {
      if (statusOf(error) === 412) return false
      if (statusOf(error) !== 409) throw error
      // A conflict of two writers under way: the object is the other's, or there is none yet and we may try again.
      if ((await this.head(key, options)) !== undefined) return false
      throw this.#connection.error(error, { doing: `write ${key}`, key, writes: true })
    }
  }

  async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
    checkKey(key)
    options.signal?.throwIfAborted()
    return new PartWriter(new S3Upload(this.#connection, key), this.#pool, this.#slots, options.signal)
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer> {
    checkKey(key)
    const { sdk, target } = this.#connection
    const call = { doing: `read ${key}`, key, writes: false, signal: options.signal }
    const answer = await this.#connection.send(new sdk.GetObjectCommand(target(key)), call)
    return await this.#connection.guard(call, async () => {
      if (answer.ContentLength === undefined) {
        discard(answer)
        throw new TidemarkError('STORAGE_UNSUPPORTED', `${this.url} does not say how long its objects are`, {
          details: { object: key },
        })
      }
      const whole = Buffer.allocUnsafeSlow(answer.ContentLength)
      await readBody(answer.Body, whole, options.signal)
      return whole
    })
  }

  async read(key: string, position: number, target: Buffer, options: CallOptions = {}): Promise<void> {
    checkKey(key)
    options.signal?.throwIfAborted()
    if (target.length === 0) return
    const { sdk } = this.#connection
    const call = { doing: `read ${key}`, key, writes: false, signal: options.signal }
    const end = position + target.length
    let answer: Sdk.GetObjectCommandOutput
    try {
      const command = new sdk.GetObjectCommand({
        ...this.#connection.target(key),
        Range: `bytes=${position}-${end - 1}`,
      })
      answer = await this.#connection.send(command, call, (error) => statusOf(error) === 416)
    } catch (error) {
      if (statusOf(error) === 416) throw endsBefore(key, -1, position, target.length)
      throw error
    }
    await this.#connection.guard(call, async () => {
      const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.ContentRange ?? '')
      const wholeAsked = position === 0 && answer.ContentLength === target.length
      if (!wholeAsked && (!range || Number(range[1]) !== position)) {
        discard(answer)
        throw new TidemarkError(
          'STORAGE_UNSUPPORTED',
          `${this.url} does not answer with the range asked for`,
          {
            details: { object: key },
          },
        )
      }
      if (answer.ContentLength !== target.length) {
        discard(answer)
        throw endsBefore(
          key,
          range?.[3] === undefined || range[3] === '*' ? -1 : Number(range[3]),
          position,
          target.length,
        )
      }
      await readBody(answer.Body, target, options.signal)
    })
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(key)
    const { sdk, target } = this.#connection
    try {
      const answer = await this.#connection.send(
        new sdk.HeadObjectCommand(target(key)),
        { doing: `look up ${key}`, key, writes: false, signal: options.signal },
        (error) => statusOf(error) === 404 && s3ErrorName(error) !== 'NoSuchBucket',
      )
      return { key, size: answer.ContentLength ?? 0, modified: answer.LastModified?.getTime() ?? 0 }
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix)
    const { sdk, bucket, root } = this.#connection
    const call = {
      doing: `list ${prefix || 'everything'}`,
      key: prefix,
      writes: false,
      signal: options.signal,
    }
    const { startAfter } = options
    for (let token: string | undefined, more = true; more; ) {
      const page: Sdk.ListObjectsV2CommandOutput = await this.#connection.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: root + prefix,
          MaxKeys: 1000,
          ...(startAfter !== undefined && { StartAfter: root + startAfter }),
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        call,
      )
      for (const object of page.Contents ?? []) {
        const key = object.Key?.slice(root.length)
        // Folder markers of other tools, and names that are no keys, are none of our objects.
        if (key === undefined || keyFault(key) !== undefined) continue
        yield { key, size: object.Size ?? 0, modified: object.LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
      more = page.IsTruncated === true
      if (more && token === undefined) {
        throw new TidemarkError(
          'STORAGE_UNSUPPORTED',
          `${this.url} breaks a listing off without saying how to go on`,
        )
      }
      options.signal?.throwIfAborted()
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key)
    options.signal?.throwIfAborted()
    for (let at = 0; at < keys.length; at += mostDeletes) {
      const batch = keys.slice(at, at + mostDeletes)
      if (batch.length === 1 || !this.#batches || !(await this.#deleteBatch(batch, options))) {
        await this.#deleteSingly(batch, options)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close()
  }

  /** Answers false when the server cannot delete many at once. */
  async #deleteBatch(keys: readonly string[], options: CallOptions): Promise<boolean> {
    const { sdk, bucket, root } = this.#connection
    const call = {
      doing: `delete ${keys.length} objects`,
      key: keys[0] ?? '',
      writes: false,
      signal: options.signal,
    }
    const unable = (error: unknown) => noBatches.includes(s3ErrorName(error) ?? '')
    const command = new sdk.DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: keys.map((key) => ({ Key: root + key })), Quiet: true },
    })
    try {
      const answer = await this.#connection.send(command, call, unable)
      const failed = answer.Errors?.find((error) => error.Code !== 'NoSuchKey')
      if (failed) {
        const error = Object.assign(new Error(failed.Message ?? ''), { name: failed.Code ?? 'InternalError' })
        const key = failed.Key?.slice(root.length) ?? call.key
        throw this.#connection.error(error, { ...call, doing: `delete ${key}`, key })
      }
      return true
    } catch (error) {
      if (!unable(error)) throw error
      this.#batches = false
      return false
    }
  }

  async #deleteSingly(keys: readonly string[], options: CallOptions): Promise<void> {
    const { sdk, target } = this.#connection
    const left = keys.values()
    const worker = async () => {
      for (const key of left) {
        const call = { doing: `delete ${key}`, key, writes: false, signal: options.signal }
        const missing = (error: unknown) => s3ErrorName(error) === 'NoSuchKey'
        try {
          await this.#connection.send(new sdk.DeleteObjectCommand(target(key)), call, missing)
        } catch (error) {
          if (!missing(error)) throw error
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(singleDeletes, keys.length) }, worker))
  }
}

/** The connection of an answer that is not wanted is not fit for reuse. */
function discard(answer: Sdk.GetObjectCommandOutput): void {
  const body: unknown = answer.Body
  if (typeof body === 'object' && body !== null && 'destroy' in body && typeof body.destroy === 'function')
    body.destroy()
}
