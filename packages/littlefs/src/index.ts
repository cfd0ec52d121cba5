export { chamelonEntries } from './chamelon/convert.js'
export type { ChamelonProblem } from './chamelon/recovery.js'
export { type ChamelonOptions, ChamelonVolume } from './chamelon/volume.js'
export { FileHandle, type SeekOrigin } from './file-handle.js'
export type { Crc32 } from './format/crc32.js'
export type { FormatOptions } from './format-volume.js'
export {
  type BuildOptions,
  buildImage,
  extractEntries,
  type ImageEntries,
  planImage,
} from './image.js'
export type { ExtractedEntry, ImageEntry } from './image-entry.js'
export type { ImagePlan, PlanProblem } from './image-plan.js'
export { type KeyValueOptions, LittleFSKeyValue } from './key-value/key-value.js'
export type { TimeDialect } from './key-value/time.js'
export { LittleFS, type MkdirOptions, type RmOptions } from './littlefs.js'
export type { MountOptions } from './mount.js'
export type { PathLike } from './path.js'
export { Dirent, type Space, Stats, type WalkEntry } from './read.js'
export type { FilesystemInfo, ReaddirOptions } from './read-face.js'
export type { BlockUse } from './traverse.js'
export type { DiskVersion } from './volume.js'
export type { OpenOptions } from './write.js'
