export {
  bundleForBrowser,
  bundleForWorker,
  callWorker,
  type PageFiles,
  type PageOptions,
  withPage,
} from './browser.js'
export {
  addCounts,
  type Campaign,
  type CampaignFailure,
  type CampaignReport,
  type CaseReport,
  type Counts,
  runCampaign,
  SEED_END,
} from './campaign.js'
export {
  CrashDevice,
  type CrashDeviceOptions,
  copyOfState,
  type DeviceState,
  type RecordedRequest,
  type Recording,
} from './crash-device.js'
export { type CutOptions, type CutState, cutsInOrder, cutsOutOfOrder } from './crash-states.js'
export {
  type Fault,
  type FaultWay,
  FaultyDevice,
  type FaultyDeviceOptions,
  type RequestKind,
} from './faulty-device.js'
export {
  BAD_BLOCK_WAYS,
  type BadBlockWay,
  FlashDevice,
  type FlashDeviceOptions,
} from './flash-device.js'
export {
  fatImage,
  littlefs1Image,
  littlefs3Image,
  noise,
  type SpiffsSizes,
  spiffsImage,
} from './foreign-images.js'
export { replaceName } from './hostile-image.js'
export { JitterDevice } from './jitter-device.js'
export { renderAnswers } from './key-value/answers.js'
export { type ConformanceCase, keyValueConformance } from './key-value/conformance.js'
export type { StoreCapabilities, StoreFactory } from './key-value/driver.js'
export {
  keyValueReaderConformance,
  READER_FIXTURE,
  type ReaderCapabilities,
} from './key-value/reader-conformance.js'
export { LateDevice, type Latency } from './late-device.js'
export type { Finding, FindingCode, LittlefsCheckOptions } from './littlefs-checker/finding.js'
export type { LittlefsTreeNode } from './littlefs-checker/tree.js'
export { checkLittlefs, readLittlefsTree } from './littlefs-checker.js'
export { differences, type SeenNode } from './model/compare.js'
export { drawOperation, type Profile } from './model/generate.js'
export {
  type Content,
  isOnHandle,
  type OpenMode,
  type Operation,
  type Outcome,
} from './model/operation.js'
export {
  type FilesystemUnderTest,
  type HandleUnderTest,
  perform,
  performSync,
} from './model/perform.js'
export { contentOf, Random } from './model/random.js'
export { shrinkList, shrinkListAsync } from './model/shrink.js'
export { type ModelLimits, type ModelNode, TreeModel } from './model/tree-model.js'
export { nextTurn } from './next-turn.js'
export {
  checkNotafs,
  type NotafsDiskState,
  type NotafsFinding,
  type NotafsTreeNode,
} from './notafs-checker.js'
export { type OpfsSubject, sameOnOpfs, sliceInMemory, sliceOnOpfs } from './opfs-slice.js'
export { propertyParameters, type Seed, seedFromEnvironment } from './seeds.js'
export type { SliceSubject } from './slice/index.js'
export { SparseMemoryDevice } from './sparse-memory-device.js'
export { systemProgram } from './system.js'
