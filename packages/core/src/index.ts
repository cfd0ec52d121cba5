export {
  byteString,
  byteStringToBytes,
  byteStringToText,
  textToByteString,
} from './byte-string.js'
export {
  type Answer,
  type BlockDevice,
  checkBlocks,
  checkGeometry,
  checkSpans,
  type Geometry,
  withBlockSize,
} from './device.js'
export {
  AssertionError,
  assert,
  CaravanError,
  DeviceError,
  type DeviceErrorCode,
  type DeviceErrorDetails,
  type Errno,
  FormatError,
  type FormatErrorDetails,
  FsError,
  type FsErrorDetails,
  isErrno,
  MisuseError,
  type MisuseErrorCode,
} from './errors.js'
export type { Finding, Severity } from './finding.js'
export { BlockHasher } from './key-value/block-hasher.js'
export {
  isKeyValueError,
  KeyValueError,
  type KeyValueErrorCode,
  type KeyValueErrorDetails,
} from './key-value/error.js'
export {
  type DigestedEntry,
  digestDictionary,
  type Hasher,
  type HashFunction,
  plain,
} from './key-value/hash.js'
export {
  type Key,
  keyOf,
  keyText,
  parseKey,
  segmentToBytes,
  segmentToText,
} from './key-value/key.js'
export { checkRange } from './key-value/range.js'
export {
  ReadOnlyStore,
  type ReadOnlyWords,
  type ReadRunner,
  type StoredEntry,
} from './key-value/read-only-store.js'
export { sha256 } from './key-value/sha256.js'
export type {
  AllocateOptions,
  BatchOperation,
  BatchOptions,
  BatchResult,
  EntryKind,
  KeyValueReader,
  KeyValueStore,
  PartialRange,
} from './key-value/store.js'
export { latest, PS_PER_DAY, Timestamp } from './key-value/timestamp.js'
export type {
  EraseRequest,
  Op,
  ProgRequest,
  ReadRequest,
  Request,
  SeriesRequest,
  SingleRequest,
  Span,
  SyncRequest,
} from './op.js'
export { askSync, run, runSync } from './run.js'
