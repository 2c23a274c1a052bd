export type { JobContext } from './job-context.ts'
export type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
export type { StoreSpec } from './store-spec.ts'
