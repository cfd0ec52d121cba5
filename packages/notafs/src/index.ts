export type { ChecksumName } from './format/layout.js'
export type { FormatOptions } from './format-volume.js'
export { type KeyValueOptions, NotafsKeyValue } from './key-value/store.js'
export type { GenerationInfo } from './log.js'
export type { MountOptions } from './mount.js'
export {
  NotaFS,
  type NotaFSInfo,
  type NotaFSOptions,
  type RepairOptions,
  type TransactionOptions,
} from './notafs.js'
export { type Plan, type PlannedEntry, type PlanOptions, planPages } from './plan.js'
export type { RepairResult } from './repair.js'
export { Snapshot } from './snapshot.js'
export { Transaction } from './transaction.js'
export type { CheckCode, CheckFinding, PageKind, PageUse } from './walk.js'
