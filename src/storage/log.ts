import { type Clock, isTidemarkError, systemClock, type Telemetry } from '../base/index.ts'
import { sizeOf } from './bytes.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { type StoreCall, StoreWrapper } from './wrapper.ts'

/**
 * Tells telemetry of every call: counters `storage_calls` (labels `op`, `outcome`: ok or the error's code),
 * `storage_bytes_written` and `storage_bytes_read`, and a line at level debug with the time taken. Writes to an object
 * are counted in bytes only, and a listing as one call.
 */
export class LogStore extends StoreWrapper {
  readonly #telemetry: Telemetry
  readonly #clock: Clock

  constructor(inner: ObjectStore, telemetry: Telemetry, clock: Clock = systemClock) {
    super(inner)
    this.#telemetry = telemetry
    this.#clock = clock
  }

  override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    const made = await super.put(key, bytes, options)
    if (made) this.#telemetry.count('storage_bytes_written', sizeOf(bytes))
    return made
  }

  override async get(key: string, options: CallOptions = {}): Promise<Buffer> {
    const bytes = await super.get(key, options)
    this.#telemetry.count('storage_bytes_read', bytes.length)
    return bytes
  }

  override async read(
    key: string,
    position: number,
    target: Buffer,
    options: CallOptions = {},
  ): Promise<void> {
    await super.read(key, position, target, options)
    this.#telemetry.count('storage_bytes_read', target.length)
  }

  override async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    const started = this.#clock.monotonic()
    let outcome = 'ok'
    try {
      yield* this.inner.list(prefix, options)
    } catch (error) {
      outcome = outcomeOf(error)
      throw error
    } finally {
      this.#tell('list', prefix, outcome, started)
    }
  }

  protected override async write(
    writer: ObjectWriter,
    _key: string,
    bytes: Bytes,
    options: CallOptions,
  ): Promise<void> {
    await writer.write(bytes, options)
    this.#telemetry.count('storage_bytes_written', sizeOf(bytes))
  }

  protected async around<T>(
    call: StoreCall,
    key: string,
    _options: CallOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const started = this.#clock.monotonic()
    try {
      const result = await work()
      this.#tell(call, key, 'ok', started)
      return result
    } catch (error) {
      this.#tell(call, key, outcomeOf(error), started)
      throw error
    }
  }

  #tell(op: StoreCall, key: string, outcome: string, started: number): void {
    const ms = Math.round(this.#clock.monotonic() - started)
    this.#telemetry.count('storage_calls', 1, { op, outcome })
    this.#telemetry.log('debug', `${op} ${key}: ${outcome}`, { store: this.url, object: key, ms })
  }
}

function outcomeOf(error: unknown): string {
  if (isTidemarkError(error)) return error.code
  return error instanceof Error ? error.name : 'error'
}
