export type { OnProgress } from './analysis.js'
export { Docteur, type DocteurInfo, type DocteurOptions } from './docteur.js'
export type { Commit, Signature } from './format/commit.js'
export type { ObjectKind } from './format/pack-entry.js'
export type { Crc32 } from './hash/crc32.js'
export type { ImageOptions, IndexSource } from './image.js'
export type { Inflate, Inflated } from './inflate/inflate.js'
export { DocteurKeyValue } from './key-value.js'
export type { GitFile } from './pack-order.js'
export type { Platform } from './platform.js'
export {
  type VerifyFinding,
  type VerifyOptions,
  type VerifyReport,
  verifiedLines,
  verifyImage,
  verifyImageSync,
} from './verify.js'
export type { GitEntry } from './walk.js'
