/**
 * restore: a backup becomes topics again, exactly once, and its groups go on at the right record.
 *
 *     plan    which chunks go to which target partitions, what has to be created, what is in the way   (pure)
 *     lock    one run at a time
 *     journal plan, target, topic ids, log ends, producer: durable before anything is sent
 *     topics  create or relax them, so that the copy is not hurt
 *     read    what an earlier run has landed behind the journal
 *     copy    for each lane:  read a chunk ahead → batches go out raw, or recoded where they must be
 *                             → acknowledgements become the map → now and then the journal
 *     groups  captured positions, translated by the map, committed
 *     settle  the source's settings, except those that would delete what was restored
 *
 * `docs/restore.md` has the invariants, and what every kill leaves behind.
 *
 * It does not promise: transactions, producer ids and leader epochs of the source; that records which others append
 * in between are looked at; that a target which loses acknowledged records keeps them.
 */
export type * from './job.ts'
export type { Obstacle, PlannedTopic, RestorePlan } from './plan/plan-types.ts'
export { targetTopic } from './plan/topic-rules.ts'
export { type FinishOptions, finishRestore } from './run/finish-restore.ts'
export { loadRestoreMaps, type RestoreMaps } from './run/restore-maps.ts'
export { planRestore, runRestore, runThreePhaseRestore } from './run/run-restore.ts'
export { type ValidateRestoreReport, validateRestore } from './run/validate-restore.ts'
export { verifyRestore } from './verify/verify-restore.ts'
export type * from './verify/verify-types.ts'
