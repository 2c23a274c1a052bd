import { type Clock, type RetryPolicy, type Telemetry, TidemarkError } from '../base/index.ts'
import { type Fault, FaultStore } from './faults.ts'
import { FilesystemStore } from './filesystem.ts'
import { LimitStore, type StoreLimits } from './limit.ts'
import { LogStore } from './log.ts'
import { memoryStore } from './memory.ts'
import { RetryStore } from './retry.ts'
import type { ObjectStore } from './store.ts'
import { parseStoreUrl, type StoreSpec } from './store-spec.ts'

/** How a store is used; the drivers know nothing of it. */
export interface StackOptions {
  readonly telemetry?: Telemetry
  readonly retries?: RetryPolicy
  readonly limits?: StoreLimits
  /** Injected right above the driver. For tests. */
  readonly faults?: readonly Fault[]
  readonly clock?: Clock
}

/** Options of {@link openStore}. */
export interface OpenOptions extends StackOptions {
  readonly signal?: AbortSignal
}

/**
 * Puts the wrappers around a driver: log(retry(limit(faults(driver)))). A call that waits for its next attempt holds no
 * place of the limit; the log sees what the caller sees.
 */
export function stackStore(driver: ObjectStore, options: StackOptions = {}): ObjectStore {
  const { telemetry, retries, limits, faults, clock } = options
  let store = driver
  if (faults && faults.length > 0) store = new FaultStore(store, faults, clock)
  if (limits) store = new LimitStore(store, { ...(clock && { clock }), ...limits })
  store = new RetryStore(store, {
    ...(retries && { policy: retries }),
    ...(clock && { clock }),
    ...(telemetry && { telemetry }),
  })
  return telemetry ? new LogStore(store, telemetry, clock) : store
}

/**
 * Opens the place that a configuration or a user names (see {@link parseStoreUrl}), wrappers included. Nothing is sent or
 * made yet. Rejects with CONFIG_INVALID, or STORAGE_UNSUPPORTED naming what is supported.
 */
export async function openStore(spec: StoreSpec | string, options: OpenOptions = {}): Promise<ObjectStore> {
  options.signal?.throwIfAborted()
  return stackStore(await openDriver(typeof spec === 'string' ? parseStoreUrl(spec) : spec), options)
}

/** The drivers, by hand. The S3 driver and its SDK are loaded only when used. */
async function openDriver(spec: StoreSpec): Promise<ObjectStore> {
  switch (spec.backend) {
    case 'filesystem':
      return new FilesystemStore(spec.path)
    case 'memory':
      return memoryStore(spec.name ?? '')
    case 's3': {
      const { S3Store } = await import('./s3.ts')
      return await S3Store.open(spec)
    }
    case 'azure':
    case 'gcs':
      throw new TidemarkError('STORAGE_UNSUPPORTED', `Storage of the kind ${spec.backend} is not supported`, {
        hint: 'Supported are a folder (filesystem), S3 and compatible servers (s3), and memory.',
      })
  }
}
