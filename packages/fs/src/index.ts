export type { PositionLike, ReadWindow } from './arguments.js'
export { constants } from './constants.js'
export type { CopySettings } from './copy-calls.js'
export { Dir } from './dir.js'
export type { Data, Encoding } from './encoding.js'
export type {
  EngineFile,
  EngineOpenOptions,
  EntryInfo,
  EntryType,
  FsChanges,
  FsEngine,
  FsLimits,
  FsLinks,
  ListedName,
  SpaceInfo,
} from './engine.js'
export { AbortError } from './errors.js'
export { FileHandle, type HandleHost } from './file-handle.js'
export { type Callback, FileSystem, type StreamOptions } from './file-system.js'
export { type FaceOptions, Mount, type OtherHandles, type UnmountOptions } from './mount.js'
export type {
  BytesOptions,
  MkdirOptions,
  OpendirOptions,
  ReadFileOptions,
  RmOptions,
  TextOptions,
  WriteData,
  WriteFileOptions,
} from './options.js'
export type { Path, PathLike } from './path.js'
export { type CpOptions, FsPromises } from './promises.js'
export { type ReadOnlyContent, ReadOnlyFile } from './read-only-file.js'
export type { ReaddirOptions } from './results.js'
export { type Call, type CallOrder, Scheduler, type SchedulerHooks } from './scheduler.js'
export { BigIntStats, Dirent, StatFs, type StatOptions, Stats } from './stats.js'
export { SyncFs } from './sync-fs.js'
export { FileTimes, type TimeLike } from './times.js'
export type { StreamRange } from './web-streams.js'
