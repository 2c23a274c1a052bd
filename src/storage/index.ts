export type { JobContext } from './job-context.ts'
export { type OpenOptions, openStore, stackStore } from './open-store.ts'
export type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
export { parseStoreUrl, type StoreSpec } from './store-spec.ts'
