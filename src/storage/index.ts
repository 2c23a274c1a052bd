/**
 * storage: places for objects, behind one interface (`ObjectStore`): a folder, a bucket of S3 and compatibles, memory.
 *
 * A store knows keys and bytes, nothing of Kafka or backups. What it promises is in the comment of `ObjectStore`; that a
 * driver keeps it is tried by one suite (`checkStore`), in tests against real servers and by users on their own bucket.
 *
 *     openStore(place):
 *       1. read the place: folder, file://, s3://, memory://, or the checked section of a configuration
 *       2. load the driver (and its SDK) that it names
 *       3. put the wrappers around it: log(retry(limit(faults(driver))))
 *
 *     writing to a folder:                                writing to a bucket:
 *       1. write to a hidden file, syncing as it grows      1. collect parts of 8 MiB; send them while the next is collected
 *       2. sync it                                          2. smaller than a part: one put; else complete the upload
 *       3. link (if absent) or rename to its name           3. if absent: `If-None-Match: *`
 *       4. sync the folder, and its parents once            (the server makes it durable and visible in one step)
 *
 *     when a call fails in passing (retry wrapper, nowhere else):
 *       1. wait, longer each time; make the same call again; a listing goes on behind the last key
 *       2. a put if absent of unknown outcome: "already there" is answered by reading the object; our bytes = we won.
 *          So whoever makes an object if absent puts a random token into it
 *
 * Files: `store` the interface; `memory`, `filesystem`, `s3` the drivers; `retry`, `limit`, `faults`, `log` the wrappers,
 * each a `wrapper`; `open-store` the stack; `store-spec` places as users write them; `keys` what a name may be;
 * `part-writer` objects sent in parts, for S3 and any store like it; `s3-sockets` bodies received in place; `conformance` and `checks/` the suite.
 *
 * Not promised: any order between writers of the same key that is not made if absent; that deletions survive a power
 * failure at once; protection against programs that write into the folder or bucket themselves; equal names that differ
 * only in case on file systems that do not tell them apart. Every writer of a folder holds an open file, and every writer
 * of a bucket up to one part of memory: whoever has ten thousand partitions does not keep ten thousand writers open. An
 * upload that a killed process leaves in a bucket is invisible but paid for: give the bucket a lifecycle rule that drops
 * incomplete multipart uploads after some days. In a folder the next writer sweeps what a killed one left.
 *
 * How what comes later fits in without a change of the interface:
 * - Azure: a driver whose `put` if absent takes 409 and 412 for "lost", and whose `create` is a `PartWriter` over staged
 *   blocks; Google: `ifGenerationMatch: 0`, and a resumable upload. Both: a case in `openDriver`, a spec, the same suite.
 * - Packed objects: ranges (`read`) and lists of buffers (`put`, `write`) are all that packing needs; what lies where in an
 *   object is the archive's knowledge.
 * - Encryption: chunk by chunk in the archive, so that ranges stay readable; or, for small objects, one more wrapper
 *   between the retry and its user, since a store never looks into bytes.
 * - Continuous runs: nothing here is bound to a run. A store is opened once and used for months: connections are renewed,
 *   credentials come from the SDK's providers, `signal` ends a call, and memory and open files follow from the writers.
 */
export { checkStore, type StoreCheckOptions, type StoreCheckResult } from './conformance.ts'
export type { Fault } from './faults.ts'
export type { JobContext } from './job-context.ts'
export { type OpenOptions, openStore, stackStore } from './open-store.ts'
export { requireIfAbsent } from './require-if-absent.ts'
export type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
export { parseStoreUrl, type StoreSpec } from './store-spec.ts'
