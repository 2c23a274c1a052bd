import { randomUUID } from 'node:crypto'
import { isTidemarkError, TidemarkError } from '../base/index.ts'
import type { PartUpload } from './part-writer.ts'
import type { S3Connection } from './s3-connection.ts'

/** S3 takes at most this many parts an object. */
const mostParts = 10_000

/**
 * One object sent by a multipart upload, which is begun with the first part. The object carries a random token as
 * metadata: when the answer to the last request is lost, the token tells whether the object there is ours.
 */
export class S3Upload implements PartUpload {
  /** The same for all parts: some compatible servers insist on that. S3's least is 5 MiB. */
  readonly partSize = 8 * 1024 * 1024
  readonly #connection: S3Connection
  readonly #key: string
  readonly #token = randomUUID()
  readonly #checksums: (string | undefined)[] = []
  #begun: Promise<string> | undefined
  #completing = false

  constructor(connection: S3Connection, key: string) {
    this.#connection = connection
    this.#key = key
  }

  async whole(pieces: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const { sdk, target } = this.#connection
    const command = new sdk.PutObjectCommand({ ...target(this.#key), ...this.#connection.payload(pieces) })
    await this.#connection.sendPayload(command, this.#call(signal))
  }

  async part(number: number, pieces: readonly Buffer[], signal: AbortSignal): Promise<string> {
    if (number > mostParts) {
      throw new TidemarkError('STORAGE_UNSUPPORTED', `The object ${this.#key} grows beyond what S3 takes`, {
        details: { object: this.#key, bytes: mostParts * this.partSize },
      })
    }
    const { sdk, target } = this.#connection
    const UploadId = await this.#begin(signal)
    const payload = this.#connection.payload(pieces)
    const command = new sdk.UploadPartCommand({
      ...target(this.#key),
      ...payload,
      UploadId,
      PartNumber: number,
    })
    const { ETag } = await this.#connection.sendPayload(command, this.#call(signal))
    this.#checksums[number - 1] = payload.ChecksumCRC32
    if (ETag === undefined) {
      throw new TidemarkError(
        'STORAGE_UNSUPPORTED',
        `${this.#connection.url} does not name the parts it took`,
      )
    }
    return ETag
  }

  async complete(tags: readonly string[], signal: AbortSignal): Promise<void> {
    const again = this.#completing
    this.#completing = true
    const { sdk, target } = this.#connection
    const command = new sdk.CompleteMultipartUploadCommand({
      ...target(this.#key),
      UploadId: await this.#begin(signal),
      MultipartUpload: { Parts: tags.map((ETag, i) => ({ ETag, PartNumber: i + 1, ...this.#checksum(i) })) },
    })
    try {
      await this.#connection.send(command, this.#call(signal))
    } catch (error) {
      // The upload is gone because the first attempt had succeeded: the object carries our token.
      if (again && isTidemarkError(error, 'STORAGE_NOT_FOUND') && (await this.#landed(signal))) return
      throw error
    }
  }

  async abort(): Promise<void> {
    const id = await this.#begun?.catch(() => undefined)
    if (id === undefined) return
    const { sdk, target } = this.#connection
    const command = new sdk.AbortMultipartUploadCommand({ ...target(this.#key), UploadId: id })
    await this.#connection.send(command, {
      ...this.#call(undefined),
      doing: `drop the parts of ${this.#key}`,
    })
  }

  /** The upload's id; an attempt that failed is made again by the next call. */
  #begin(signal: AbortSignal): Promise<string> {
    this.#begun ??= this.#ask(signal).catch((error: unknown) => {
      this.#begun = undefined
      throw error
    })
    return this.#begun
  }

  async #ask(signal: AbortSignal): Promise<string> {
    const { sdk, target } = this.#connection
    const command = new sdk.CreateMultipartUploadCommand({
      ...target(this.#key),
      Metadata: { 'tidemark-write': this.#token },
      ...(this.#connection.checksums && { ChecksumAlgorithm: 'CRC32' }),
    })
    const { UploadId } = await this.#connection.send(command, this.#call(signal))
    if (UploadId === undefined) {
      throw new TidemarkError(
        'STORAGE_UNSUPPORTED',
        `${this.#connection.url} does not name the upload it began`,
      )
    }
    return UploadId
  }

  async #landed(signal: AbortSignal): Promise<boolean> {
    const { sdk, target } = this.#connection
    const call = { ...this.#call(signal), doing: `look up ${this.#key}`, writes: false }
    const { Metadata } = await this.#connection.send(new sdk.HeadObjectCommand(target(this.#key)), call)
    return Metadata?.['tidemark-write'] === this.#token
  }

  #checksum(part: number): { readonly ChecksumCRC32?: string } {
    const sum = this.#checksums[part]
    return this.#connection.checksums && sum !== undefined ? { ChecksumCRC32: sum } : {}
  }

  #call(signal: AbortSignal | undefined) {
    return { doing: `write ${this.#key}`, key: this.#key, writes: true, signal }
  }
}
