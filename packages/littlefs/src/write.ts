/** What changes a volume, as operations in the reference's terms. */

import { FsError, MisuseError, type Op } from '@caravan/core'
import {
  checkNoLoop,
  contentType,
  type Directory,
  entryType,
  findEntry,
  lookUp,
  openDirectory,
  parentInMemory,
  requireEntry,
  UNREAD,
} from './directory.js'
import { checkIsFile } from './file-read.js'
import { adopt, inlineContent, replaceContent, writeContent } from './file-write.js'
import {
  type BlockPair,
  type EntryContent,
  type Struct,
  withAttribute,
} from './format/metadata-log.js'
import { TagType } from './format/tag.js'
import { isTimeAttribute } from './format/time-attribute.js'
import { type Entry, type MetadataPair, pairKey } from './metadata-pair.js'
import { OpenFile } from './open-file.js'
import { type AnyPath, type Path, parsePath } from './path.js'
import { commit, makeConsistent as finishWhatWasCut } from './thread.js'
import { checkSteps } from './thread-search.js'
import {
  checkName,
  checkNameFits,
  createDirectory,
  createEntry,
  removeEntry,
  renameEntry,
  setContent,
} from './tree-change.js'
import type { Volume } from './volume.js'

/** How to open a file. Letters as the reference's flags. */
export interface OpenOptions {
  readonly read?: boolean
  readonly write?: boolean
  /** Makes the file where it is missing. */
  readonly create?: boolean
  /** The file must be missing. */
  readonly exclusive?: boolean
  /** Empties the file; seen by others only once synced. */
  readonly truncate?: boolean
  /** Every write goes to the end. */
  readonly append?: boolean
}

const EMPTY_FILE: Struct = { kind: 'inline', bytes: new Uint8Array(0) }

/** The directory that a path's last name is in. */
function* parentOf(volume: Volume, path: Path, syscall: string): Op<Directory> {
  const parentPath = parentPathOf(path)
  const parent = yield* requireEntry(volume, parentPath, syscall)
  if (entryType(parent) !== 'directory') throw new FsError('ENOTDIR', { syscall, path: path.text })
  return yield* openDirectory(volume, parent)
}

function parentPathOf(path: Path): Path {
  return { ...path, names: path.names.slice(0, -1), mustBeDirectory: false, mustExist: false }
}

function lastName(path: Path): string {
  return path.names[path.names.length - 1] as string
}

export function* openFile(volume: Volume, pathLike: AnyPath, options: OpenOptions): Op<OpenFile> {
  const path = parsePath(pathLike, 'open')
  const writes = options.write === true || options.append === true
  let entry = yield* findEntry(volume, path, 'open')
  const isNew = entry === undefined
  if (entry === undefined) {
    if (options.create !== true) throw new FsError('ENOENT', { syscall: 'open', path: path.text })
    entry = yield* createFile(volume, path)
  } else {
    if (options.exclusive === true) {
      throw new FsError('EEXIST', { syscall: 'open', path: path.text })
    }
    checkIsFile(entry, 'open', path.text)
  }
  const flags = {
    read: options.read ?? !writes,
    write: writes,
    append: options.append === true,
  }
  const file = new OpenFile(volume, entry, flags, path.text)
  if (options.truncate === true && writes && !isNew) file.empty()
  return file
}

/**
 * {@link openFile} to read what is there, without an operation; `undefined` where the way to it is not
 * in memory.
 */
export function openNow(volume: Volume, pathLike: AnyPath): OpenFile | undefined {
  const path = parsePath(pathLike, 'open')
  const entry = lookUp(volume, path, 'open')
  if (entry === UNREAD) return undefined
  if (entry === undefined) throw new FsError('ENOENT', { syscall: 'open', path: path.text })
  checkIsFile(entry, 'open', path.text)
  return new OpenFile(volume, entry, READ_ONLY, path.text)
}

const READ_ONLY = { read: true, write: false, append: false }

/** Makes an empty file. */
export function createFile(volume: Volume, path: Path): Op<Entry> {
  return volume.change('open', () => createFileAlone(volume, path))
}

function* createFileAlone(volume: Volume, path: Path): Op<Entry> {
  const directory = yield* parentOfNew(volume, path)
  return yield* createEntry(volume, directory, newFile(volume, path, EMPTY_FILE))
}

/** The directory that a new file goes into, after a check that it can have that name. */
function* parentOfNew(volume: Volume, path: Path): Op<Directory> {
  if (path.mustBeDirectory) throw new FsError('ENOTDIR', { syscall: 'open', path: path.text })
  const directory = parentInMemory(volume, path) ?? (yield* parentOf(volume, path, 'open'))
  checkName(volume, lastName(path), 'open', path.text)
  checkNameFits(volume, lastName(path), path.text)
  return directory
}

function newFile(volume: Volume, path: Path, struct: Struct): EntryContent {
  const attributes = volume.times.stamped([], 'new')
  return { nameType: TagType.FILE, name: lastName(path), struct, attributes, others: [] }
}

/** Gives a file its whole content at once: it has the old one or the new one, nothing between. */
export function writeFile(volume: Volume, pathLike: AnyPath, data: Uint8Array): Op<void> {
  return volume.change('open', () => writeFileAlone(volume, pathLike, data))
}

function* writeFileAlone(volume: Volume, pathLike: AnyPath, data: Uint8Array): Op<void> {
  const path = parsePath(pathLike, 'open')
  const found = lookUp(volume, path, 'open')
  const entry = found === UNREAD ? yield* findEntry(volume, path, 'open') : found
  if (entry !== undefined) checkIsFile(entry, 'open', path.text)
  const { fileMax } = volume.limits
  if (data.length > fileMax) {
    const hint = `a file may have ${fileMax} bytes`
    throw new FsError('EFBIG', { syscall: 'write', path: path.text, hint })
  }
  // What can be known to fail fails before anything is written.
  const directory = entry === undefined ? yield* parentOfNew(volume, path) : undefined
  const written = inlineContent(volume, data) ?? (yield* writeContent(volume, data))
  if (entry === undefined) {
    const content = newFile(volume, path, written.struct)
    adopt(yield* createEntry(volume, directory as Directory, content), written)
    return
  }
  const attributes = volume.times.stamped(entry.content.attributes, 'old')
  const content = { ...entry.content, struct: written.struct, attributes }
  yield* replaceContent(volume, entry, content, written)
  volume.times.committed(entry)
}

/**
 * @param recursive makes missing directories on the way, and takes one that is there.
 * @throws FsError `EEXIST` where anything has that name.
 */
export function* makeDirectory(volume: Volume, pathLike: AnyPath, recursive = false): Op<void> {
  const path = parsePath(pathLike, 'mkdir')
  const first = recursive ? 1 : path.names.length
  for (let depth = first; depth < path.names.length; depth++) {
    const part: Path = { ...path, names: path.names.slice(0, depth), mustBeDirectory: true }
    if ((yield* findEntry(volume, part, 'mkdir')) === undefined) yield* makeOne(volume, part)
  }
  if (recursive) {
    const entry = yield* findEntry(volume, { ...path, mustBeDirectory: false }, 'mkdir')
    if (entry !== undefined && entryType(entry) === 'directory') return
  }
  yield* makeOne(volume, path)
}

function makeOne(volume: Volume, path: Path): Op<void> {
  return volume.change('mkdir', () => makeOneAlone(volume, path))
}

function* makeOneAlone(volume: Volume, path: Path): Op<void> {
  if ((yield* findEntry(volume, path, 'mkdir')) !== undefined) {
    throw new FsError('EEXIST', { syscall: 'mkdir', path: path.text })
  }
  checkName(volume, lastName(path), 'mkdir', path.text)
  yield* createDirectory(volume, yield* parentOf(volume, path, 'mkdir'), lastName(path))
}

/** Removes a file, or a directory with all that is in it, one entry at a time. */
export function* removeTree(
  volume: Volume,
  pathLike: AnyPath,
  options: { readonly recursive?: boolean; readonly force?: boolean },
): Op<void> {
  const path = parsePath(pathLike, 'rm')
  let entry: Entry | undefined
  try {
    entry = yield* findEntry(volume, path, 'rm')
  } catch (error) {
    if (options.force === true && error instanceof FsError && error.code === 'ENOENT') return
    throw error
  }
  if (entry === undefined) {
    if (options.force === true) return
    throw new FsError('ENOENT', { syscall: 'rm', path: path.text })
  }
  if (entryType(entry) === 'directory') {
    if (options.recursive !== true) {
      const hint = 'it is a directory: remove it with recursive'
      throw new FsError('EISDIR', { syscall: 'rm', path: path.text, hint })
    }
    yield* removeContents(volume, path)
  }
  if (path.names.length > 0) yield* removeAt(volume, path)
}

/**
 * Leaves first: no step down is taken into what is already removed.
 *
 * @throws FormatError `DIRECTORY_LOOP`, before anything of the directory that comes back is removed.
 */
function* removeContents(volume: Volume, top: Path): Op<void> {
  const above: Directory[] = []
  for (let depth = 0; depth < top.names.length; depth++) {
    above.push(yield* enterDirectory(volume, { ...top, names: top.names.slice(0, depth) }, above))
  }
  const pending: Path[] = [top]
  for (let path = pending.at(-1); path !== undefined; path = pending.at(-1)) {
    const directory = yield* enterDirectory(volume, path, above)
    const files: string[] = []
    let inner: string | undefined
    for (const content of directory.contents()) {
      if (contentType(content) !== 'directory') files.push(content.name)
      else inner ??= content.name
    }
    for (const name of files) yield* removeAt(volume, below(path, name))
    if (inner !== undefined) {
      pending.push(below(path, inner))
      above.push(directory)
      continue
    }
    pending.pop()
    above.pop()
    if (path !== top) yield* removeAt(volume, path)
  }
}

/** The directory of a path, after a check that it is none of those that it lies in. */
function* enterDirectory(volume: Volume, path: Path, above: readonly Directory[]): Op<Directory> {
  const directory = yield* openDirectory(volume, yield* requireEntry(volume, path, 'rm'))
  checkNoLoop(
    directory,
    above.map((each) => pairKey(each.head.blocks)),
  )
  return directory
}

function below(path: Path, name: string): Path {
  return {
    ...path,
    names: [...path.names, name],
    mustBeDirectory: false,
    text: `${path.text}/${name}`,
  }
}

function removeAt(volume: Volume, path: Path): Op<void> {
  return volume.change('rm', () => removeAtAlone(volume, path))
}

function* removeAtAlone(volume: Volume, path: Path): Op<void> {
  const entry = yield* requireEntry(volume, path, 'rm')
  yield* removeEntry(volume, yield* parentOf(volume, path, 'rm'), entry, path.text)
}

export function* appendFile(volume: Volume, path: AnyPath, data: Uint8Array): Op<void> {
  // A new file comes with its content, so that what fails leaves no empty one.
  if ((yield* findEntry(volume, parsePath(path, 'open'), 'open')) === undefined) {
    return yield* writeFile(volume, path, data)
  }
  const file = yield* openFile(volume, path, { append: true })
  yield* useAndClose(volume, file, () => file.write(data))
}

export function* truncate(volume: Volume, path: AnyPath, size: number): Op<void> {
  const file = yield* openFile(volume, path, { write: true })
  yield* useAndClose(volume, file, () => file.truncate(size))
}

function useAndClose(volume: Volume, file: OpenFile, use: () => Op<unknown>): Op<void> {
  return volume.change('write', () => useAndCloseAlone(file, use))
}

function* useAndCloseAlone(file: OpenFile, use: () => Op<unknown>): Op<void> {
  try {
    yield* use()
  } catch (error) {
    file.abandon()
    throw error
  }
  yield* file.close()
}

/** Removes a file or an empty directory. */
export function remove(volume: Volume, pathLike: AnyPath): Op<void> {
  return volume.change('rm', () => removeAlone(volume, pathLike))
}

function* removeAlone(volume: Volume, pathLike: AnyPath): Op<void> {
  const path = parsePath(pathLike, 'rm')
  if (path.names.length === 0) {
    const hint = 'the root directory cannot be removed'
    throw new FsError('EINVAL', { syscall: 'rm', path: path.text, hint })
  }
  const entry = yield* requireEntry(volume, path, 'rm')
  yield* removeEntry(volume, yield* parentOf(volume, path, 'rm'), entry, path.text)
}

/** Renames, replacing a file by a file or an empty directory by a directory, in one step. */
export function rename(volume: Volume, fromLike: AnyPath, toLike: AnyPath): Op<void> {
  return volume.change('rename', () => renameAlone(volume, fromLike, toLike))
}

function* renameAlone(volume: Volume, fromLike: AnyPath, toLike: AnyPath): Op<void> {
  const from = parsePath(fromLike, 'rename')
  const to = parsePath(toLike, 'rename')
  const refuse = (code: 'EINVAL' | 'EISDIR' | 'ENOTDIR', hint: string) =>
    new FsError(code, { syscall: 'rename', path: from.text, dest: to.text, hint })
  const entry = yield* requireEntry(volume, from, 'rename')
  if (from.names.length === 0) throw refuse('EINVAL', 'the root directory cannot be renamed')
  const replaced = yield* findEntry(volume, to, 'rename')
  if (to.names.length === 0) throw refuse('EINVAL', 'nothing can be renamed to the root directory')
  const isDirectory = entryType(entry) === 'directory'
  if (replaced === undefined) {
    if (to.mustBeDirectory && !isDirectory) throw refuse('ENOTDIR', 'what is renamed is a file')
    checkName(volume, lastName(to), 'rename', to.text)
  } else if (entryType(replaced) !== entryType(entry)) {
    throw isDirectory
      ? refuse('ENOTDIR', 'a file cannot be replaced by a directory')
      : refuse('EISDIR', 'a directory cannot be replaced by a file')
  }
  if (isDirectory && isBelow(from, to)) {
    throw refuse('EINVAL', 'a directory cannot be moved into itself')
  }
  const source = parentInMemory(volume, from) ?? (yield* parentOf(volume, from, 'rename'))
  const target = parentInMemory(volume, to) ?? (yield* parentOf(volume, to, 'rename'))
  yield* renameEntry(volume, source, entry, target, lastName(to), to.text)
}

function isBelow(directory: Path, path: Path): boolean {
  return (
    path.names.length > directory.names.length &&
    directory.names.every((name, i) => name === path.names[i])
  )
}

/** Sets a user attribute, or removes it where `bytes` is undefined. */
export function* changeAttribute(
  volume: Volume,
  pathLike: AnyPath,
  type: number,
  bytes: Uint8Array | undefined,
): Op<void> {
  if (!Number.isInteger(type) || type < 0 || type > 0xff) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `An attribute's type is a number from 0 to 255, not ${type}.`,
    )
  }
  yield* volume.change('setattr', () => changeAttributeAlone(volume, pathLike, type, bytes))
}

function* changeAttributeAlone(
  volume: Volume,
  pathLike: AnyPath,
  type: number,
  bytes: Uint8Array | undefined,
): Op<void> {
  const path = parsePath(pathLike, 'setattr')
  const { attrMax } = volume.limits
  if (bytes !== undefined && bytes.length > attrMax) {
    const hint = `an attribute may have ${attrMax} bytes, and this one has ${bytes.length}`
    throw new FsError('ENOSPC', { syscall: 'setattr', path: path.text, hint })
  }
  const entry = yield* requireEntry(volume, path, 'setattr')
  if (bytes === undefined && !entry.content.attributes.some((each) => each.type === type)) return
  const attributes = withAttribute(entry.content.attributes, type, bytes?.slice())
  yield* setContent(volume, entry, { ...entry.content, attributes })
  if (isTimeAttribute(type)) entry.times = undefined
}

/** Finishes what a power cut has left undone. */
export function* makeConsistent(volume: Volume): Op<void> {
  yield* volume.change('fsync', () => finishWhatWasCut(volume))
}

/** Compacts metadata pairs that are nearly full, so that later commits need not. */
export function collectGarbage(volume: Volume): Op<void> {
  return volume.change('fsync', () => collectGarbageAlone(volume))
}

function* collectGarbageAlone(volume: Volume): Op<void> {
  yield* finishWhatWasCut(volume)
  const { blockSize } = volume.layout
  const visit = volume.caches.beginVisit()
  let pair: MetadataPair | undefined = yield* volume.readPair([0, 1])
  for (let steps = 0; pair !== undefined; steps++) {
    if (!pair.nextIsErased || pair.summary.end > blockSize - Math.floor(blockSize / 8)) {
      pair.nextIsErased = false
      yield* commit(volume, pair, [])
    }
    const { tail }: { readonly tail: BlockPair | undefined } = pair.summary
    if (tail !== undefined) checkSteps(volume, steps, tail)
    pair = tail === undefined ? undefined : yield* volume.readPair(tail)
    visit.release(pair)
  }
  yield* volume.space.findFreeBlocks()
}
