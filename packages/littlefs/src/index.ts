export type { ShrinkOptions } from './block-count.js'
export { chamelonEntries } from './chamelon/convert.js'
export type { ChamelonProblem } from './chamelon/recovery.js'
export { type ChamelonOptions, ChamelonVolume } from './chamelon/volume.js'
export type { CheckOptions, CheckReport } from './check/check.js'
export { check, checkSync } from './check/face.js'
export { FINDING_MEANINGS, type FindingCode, type LittlefsFinding } from './check/findings.js'
export { FileHandle, type SeekOrigin } from './file-handle.js'
export type { Crc32 } from './format/crc32.js'
export { compareNames } from './format/name.js'
export {
  decodeTimeAttribute,
  type HeldTimes,
  type Owner,
  type TimeDialect,
  timesAmong,
} from './format/time-attribute.js'
export type { FormatOptions } from './format-volume.js'
export {
  type BuildOptions,
  buildImage,
  extractEntries,
  type ImageEntries,
  planImage,
} from './image.js'
export { type EntryTimes, type ExtractedEntry, type ImageEntry, timedEntry } from './image-entry.js'
export type { ImagePlan, PlanProblem } from './image-plan.js'
export type { LoggedChange, LoggedCommit } from './inspect/commit-log.js'
export type { DumpedBlock, DumpedCommit, DumpedLog, DumpedTag } from './inspect/dump.js'
export {
  commitLog,
  commitLogSync,
  type DumpOptions,
  dump,
  dumpSync,
  type InspectOptions,
} from './inspect/face.js'
export { type KeyValueOptions, LittleFSKeyValue } from './key-value/key-value.js'
export type { KeyValueTimes } from './key-value/time.js'
export { LittleFS, type LittleFSOptions } from './littlefs.js'
export type { MountOptions, TimesOption } from './mount.js'
export type { AnyPath, Path, PathLike } from './path.js'
export { type JudgedFacts, judgeForProfile } from './profile-judgement.js'
export {
  DEVICE_PROFILES,
  type DeviceProfile,
  driverNameMaxOf,
  optionsOfProfile,
  type ProfileSize,
} from './profiles.js'
export {
  Dirent as ReferenceDirent,
  type Space,
  Stats as ReferenceStats,
  type WalkEntry,
} from './read.js'
export type { FilesystemInfo, ReaddirOptions as ReferenceReaddirOptions } from './read-face.js'
export { type LocatedFilesystem, locate } from './recover/locate.js'
export { type RecoveredFile, type RecoverOptions, recover } from './recover/recover.js'
export {
  type MkdirOptions as ReferenceMkdirOptions,
  ReferenceFS,
  type RmOptions as ReferenceRmOptions,
} from './reference-fs.js'
export {
  planRepair,
  type RepairOptions,
  type RepairReport,
  repair,
  type SalvagedImage,
  salvage,
} from './repair/face.js'
export type { DanglingChoice, RepairStep } from './repair/repair.js'
export type { SalvageProblem } from './repair/salvage.js'
export { type CloneOptions, type ClonePlan, clone, planClone } from './sizes/clone.js'
export type { DefragReport, Fragmentation } from './sizes/defrag.js'
export type { DefragOptions } from './sizes/occupancy.js'
export type { ShrinkPlan } from './sizes/shrink.js'
export type { BlockUse } from './traverse.js'
export type { Version1CheckOptions, Version1CheckReport } from './version1/check/check.js'
export { checkLittleFS1, checkLittleFS1Sync } from './version1/check/face.js'
export {
  VERSION1_MEANINGS,
  type Version1Code,
  type Version1Finding,
} from './version1/check/findings.js'
export { LittleFS1KeyValue } from './version1/key-value.js'
export {
  LittleFS1,
  type LittleFS1Entry,
  type LittleFS1Info,
  type LittleFS1Options,
  type LittleFS1State,
} from './version1/littlefs1.js'
export {
  type InPlaceOptions,
  type InPlaceReport,
  type MigratedImage,
  type MigrationOptions,
  type MigrationTime,
  migrateInPlace,
  migrateInPlaceSync,
  migrateToImage,
  type NewImageOptions,
} from './version1/migration.js'
export type { DiskVersion } from './volume.js'
export type { OpenOptions } from './write.js'
