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
export type {
  EraseRequest,
  Op,
  ProgRequest,
  ReadRequest,
  Request,
  Span,
  SyncRequest,
} from './op.js'
export { run, runSync } from './run.js'
