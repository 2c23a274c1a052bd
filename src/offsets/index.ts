/**
 * offsets: where every record went, and where every consumer group has to go on.
 *
 *     builder.append(source, target, count)            for each batch that landed      (restore, replication)
 *     map = builder.seal({ sourceEnd, copyStart })     once a partition is copied
 *     target = translate(map, position, log)           pure; skips no record, says why where it is not exact
 *     plan = planFromBackup(capture, selected groups, maps, …)    pure; what would be changed, and why
 *     report = await applyPlan(plan, cluster, …)       checks → snapshot → commits → everything read back; one group or thousands
 *     waited = await waitForIdle(groups, cluster, …)   until their consumers have left; then the plan is made again
 *     plan = planFromSnapshot(snapshot, …)             the way back: what was there before, and nothing else
 *
 *     { maps, notices } = await scanHeaders(cluster, { topics, sourceCluster, … })   a map out of the headers of live topics
 *
 *     given = positionsOfCluster(…) | positionsFromFiles(…) | the backup's capture
 *     { source, kept } = translateOnce(groups, { past: await pastSettings(snapshots, …), … })   of positions on the target
 *     wanted = translateGroups(…) | wantedAsGiven(…) | wantedAtTime(…) | wantedAtEdge(…) | wantedAtOffset(…) | wantedShifted(…)
 *     plan = makePlan({ wanted, current, logs, … })    every strategy and every source of positions ends here
 *
 *     seen = await inspectGroups(cluster, …)           state, members, positions, lag and range of groups of every type
 *     plan = planCopy(…) | planDeletion(…) | planFromRows(…)      what `groups` changes; then as above
 *     held = await holdGroups(cluster, …)              positions of groups without members are kept from expiring
 *
 * Maps, translation, strategies, plans and scripts are pure; only `apply/`, `file/`, `given/`, `groups/`, `scan/` and `snapshot/` talk to
 * a cluster or to a store. The positions of a share group are its start offsets: plans and files mark them (`share-mark.ts`).
 *
 * It does not promise: that a group which starts between the checks and the commit is noticed before the
 * read-back; that consumers which use `assign()` and never commit are noticed at all; of share groups, what was
 * acknowledged out of order beyond their start offsets.
 */
export { type ApplyOptions, applyPlan, refusalsOf, touchedGroups } from './apply/apply-plan.ts'
export type { ApplyReport, EntryOutcome, GroupOutcome } from './apply/apply-report.ts'
export type { PositionsCluster } from './apply/cluster.ts'
export type { CommitFigures } from './apply/commit-figures.ts'
export { type AskedTime, offsetsForTimes } from './apply/offsets-for-times.ts'
export { idsOf, readLogs, readTarget, type TargetState } from './apply/read-target.ts'
export { checkRecorded, recordPlan, translatesTarget } from './apply/record-plan.ts'
export { retentionMinutes } from './apply/retention.ts'
export { type IdleOptions, waitForIdle } from './apply/wait-for-idle.ts'
export { type CapturedOffsets, captureOffsets } from './file/capture-offsets.ts'
export { type OffsetsFile, positionsOf, type SavedGroup, type SavedPosition } from './file/offsets-file.ts'
export { offsetsFromJson, offsetsToJson } from './file/offsets-json.ts'
export { layerOffsets, type NamedOffsets, offsetsHash, offsetsSince } from './file/offsets-layers.ts'
export { positionsOfCluster } from './given/cluster-positions.ts'
export type { GivenGroup, GivenPosition, GivenPositions } from './given/given-positions.ts'
export { type KafkaCsvRow, readKafkaCsv } from './given/kafka-csv.ts'
export { type NamedText, positionsFromFiles } from './given/positions-file.ts'
export { type PastSettings, pastSettings, translateOnce } from './given/translated-before.ts'
export { type ChosenPlaces, planCopy, planDeletion, planFromRows } from './groups/group-plans.ts'
export { type HeldGroup, type HoldState, holdGroups } from './groups/hold-groups.ts'
export {
  type InspectedCluster,
  type InspectedGroup,
  type InspectedPosition,
  inspectGroups,
} from './groups/inspect-groups.ts'
export { kafkaCsvText } from './groups/kafka-csv-text.ts'
export { refuseInUse } from './groups/refuse-in-use.ts'
export { unknownShareGroups } from './groups/unknown-share-groups.ts'
export { JsonValue, offsetToJson } from './json-value.ts'
export { MapBuilder } from './map/map-builder.ts'
export { decodePartitionMap, encodePartitionMap } from './map/map-codec.ts'
export { mapSetToCsv } from './map/map-csv.ts'
export { type ListOptions, mapSetFromJson, mapSetToJson } from './map/map-json.ts'
export { MapSet, type MapSetOrigin } from './map/map-set.ts'
export { decodeMapSet, encodeMapSet, loadMapSet, type MapStore, saveMapSet } from './map/map-set-file.ts'
export { type MapBounds, type MapIdentity, type MappedRecord, PartitionMap } from './map/partition-map.ts'
export type { Run } from './map/run-blocks.ts'
export { checkPlanCluster } from './plan/check-plan.ts'
export { type BackupPlanOptions, planFromBackup } from './plan/from-backup.ts'
export { type FilePlanOptions, type FileStrategy, planFromFile, timeOf } from './plan/from-file.ts'
export { planFromSnapshot } from './plan/from-snapshot.ts'
export { isTranslationMark } from './plan/mark.ts'
export type {
  CurrentPosition,
  Plan,
  PlanAction,
  PlanEntry,
  PlanKind,
  PlanNotice,
  PlanOrigin,
  SourcePosition,
  StrategyName,
} from './plan/plan.ts'
export { planFromJson, planToJson } from './plan/plan-file.ts'
export {
  type LogTable,
  makePlan,
  type PlanInput,
  type RangePolicy,
  type WantedPosition,
} from './plan/planner.ts'
export { type GroupSelection, type SelectedGroups, selectGroups } from './plan/select-groups.ts'
export { translateGroups } from './plan/translate-groups.ts'
export { trackingHeaderNames } from './scan/header-names.ts'
export { scanHeaders } from './scan/scan-headers.ts'
export type {
  HeaderScan,
  ScanCounts,
  ScanNotice,
  ScannedTopic,
  ScanOptions,
  ScanTopic,
} from './scan/scan-types.ts'
export { bashQuote } from './script/bash-quote.ts'
export { resetScript, type ScriptOptions } from './script/reset-script.ts'
export { type RestoreScriptOptions, restoreScript } from './script/restore-script.ts'
export {
  checkSnapshotCluster,
  compareSnapshot,
  type PositionDifference,
  type SnapshotComparison,
  verifySnapshot,
} from './snapshot/compare-snapshot.ts'
export { emptiedBetween, emptiedError, emptiedSince } from './snapshot/emptied-groups.ts'
export type { Snapshot, SnapshotDraft, SnapshotGroup } from './snapshot/snapshot.ts'
export { snapshotFromJson, snapshotToJson } from './snapshot/snapshot-file.ts'
export { layerSnapshots, snapshotSince } from './snapshot/snapshot-layers.ts'
export {
  deleteSnapshot,
  headingOf,
  type ListedSnapshot,
  listSnapshots,
  type SnapshotHeading,
} from './snapshot/snapshot-list.ts'
export {
  loadWholeSnapshot,
  type SnapshotFolder,
  type SnapshotPlace,
  type SnapshotStore,
  saveSnapshot,
  snapshotId,
} from './snapshot/snapshot-store.ts'
export { type TakenSnapshot, takeSnapshot } from './snapshot/take-snapshot.ts'
export { wantedAsGiven } from './strategy/as-given.ts'
export { type ByPlace, byPlace, type PlaceValues } from './strategy/by-place.ts'
export { wantedAtOffset } from './strategy/given-offset.ts'
export { wantedAtEdge } from './strategy/log-edge.ts'
export { type CurrentOf, placesOfPositions, placesOfTopics, readTopicChoices } from './strategy/places.ts'
export { wantedShifted } from './strategy/shift.ts'
export type { TargetPlace } from './strategy/target-place.ts'
export { timeOfPlace, wantedAtTime } from './strategy/time.ts'
export { absenceFromIndex } from './translate/absence.ts'
export {
  type MergedTranslation,
  type MergeSource,
  type MissingPolicy,
  translateMerged,
} from './translate/merge.ts'
export { translate } from './translate/translate.ts'
export type {
  AbsenceReason,
  ExplainAbsence,
  LogBounds,
  OutOfRange,
  PassedOver,
  Translation,
  TranslationKind,
} from './translate/translation.ts'
export { type IndexRow, indexRows } from './view/index-rows.ts'
export { type PlanRow, type PlanTable, planTable } from './view/plan-rows.ts'
