/**
 * A tree of files of this computer, as the entries of an image.
 *
 * 1. The same tree gives the same entries in the same order on every machine: names are sorted by
 *    their bytes, and nothing of a file but its name and content is taken (its time where asked).
 * 2. No link is followed: it goes in as a link, or is what the format cannot hold, whatever it points
 *    to. A file is opened without following one, and must be the file that was looked at.
 * 3. A file whose size is no longer what was planned with is an error, not a shorter file.
 */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, stat } from 'node:fs/promises'
import { checkInterrupted, HostError, isErrno } from './errors.js'
import type { Holdings, NewEntry } from './formats/format.js'
import { compareBytes } from './names.js'
import type { PathRules } from './path-rules.js'
import { joinPath } from './paths.js'
import { describe } from './report.js'

/** What is taken of the modification times of files. */
export type TimeChoice = 'none' | 'file' | { readonly seconds: number }

export interface HostTreeOptions {
  /** The format that the entries are for. */
  readonly format: { readonly name: string; readonly holds: Holdings }
  readonly time: TimeChoice
  /** Times after it are set back to it, in seconds since 1970 (`SOURCE_DATE_EPOCH`). */
  readonly latestSeconds?: number | undefined
  /** A file that is passed over, wherever it is found: the image itself. */
  readonly except?: Stats | undefined
  /** What is left out as if it were not there, by paths within the directory. */
  readonly ignored?: PathRules | undefined
  readonly signal: AbortSignal
  /** Told of every piece of a file read. */
  readonly onPiece?: (sizeBytes: number, path: Uint8Array) => void
}

/** An entry of the image to be, and where it comes from. */
export interface HostEntry extends NewEntry {
  readonly host: Buffer
}

/** Something in the tree that an image does not get. */
export interface HostProblem {
  /** Where it is on this computer. */
  readonly host: Buffer
  readonly reason: string
  /**
   * Never a failure (the image itself, in the directory that it is made of); what the format cannot
   * hold; what could not be read.
   */
  readonly kind: 'passed over' | 'unsupported' | 'unreadable'
}

export interface HostTree {
  /** A directory before what is in it. */
  readonly entries: HostEntry[]
  readonly problems: HostProblem[]
}

/**
 * What is in a directory of this computer, for below `path` in an image; the directory itself is not
 * among it. Nothing is read but names, types, sizes and times.
 *
 * @throws Interrupted; HostError where it changes meanwhile; Node's errors where the directory itself
 *   cannot be listed.
 */
export async function scanDirectory(
  directory: Buffer,
  path: Uint8Array,
  options: HostTreeOptions,
): Promise<HostTree> {
  const tree: HostTree = { entries: [], problems: [] }
  // Where the directory itself is a link, whoever named it meant what it points to.
  const before = await stat(directory)
  await scanInto(tree, directory, { image: path, own: new Uint8Array(0) }, options)
  if (!isSame(await stat(directory), before)) throw changedMeanwhile(directory)
  return tree
}

/** Where a directory will be in the image, and where it is in the one that is scanned. */
interface ScannedPath {
  readonly image: Uint8Array
  readonly own: Uint8Array
}

async function scanInto(
  tree: HostTree,
  directory: Buffer,
  path: ScannedPath,
  options: HostTreeOptions,
): Promise<void> {
  const names = await readdir(directory, { encoding: 'buffer' })
  for (const name of names.sort(compareBytes)) {
    checkInterrupted(options.signal)
    const host = joinHost(directory, name)
    const inImage = joinPath(path.image, name)
    const own = joinPath(path.own, name)
    try {
      const stats = await lstat(host)
      if (options.ignored?.match(own, stats.isDirectory()) === true) continue
      if (isSame(stats, options.except)) {
        tree.problems.push({ host, reason: 'it is the image itself', kind: 'passed over' })
      } else if (stats.isDirectory()) {
        tree.entries.push(directoryEntry(host, inImage, stats, options))
        await scanInto(tree, host, { image: inImage, own }, options)
        // A link that has taken its place meanwhile would have led elsewhere.
        if (!isSame(await lstat(host), stats)) throw changedMeanwhile(host)
      } else if (stats.isFile()) {
        tree.entries.push(fileEntry(host, inImage, stats, options))
      } else if (stats.isSymbolicLink() && options.format.holds.symlinks) {
        const target = await readlink(host, { encoding: 'buffer' })
        const size = target.length
        const times = timeOf(stats, options)
        tree.entries.push({ path: inImage, type: 'symlink', target, size, host, ...times })
      } else {
        const reason = `it is ${kindOf(stats)}, which ${options.format.name} cannot hold`
        tree.problems.push({ host, reason, kind: 'unsupported' })
      }
    } catch (error) {
      if (!isErrno(error)) throw error
      tree.problems.push({ host, reason: describe(error), kind: 'unreadable' })
    }
  }
}

/**
 * What a path on the command line leads to. A link is followed: whoever wrote it meant what it
 * points to.
 *
 * @throws HostError for what is neither file nor directory; Node's errors.
 */
export async function lookAtArgument(host: Buffer, { format }: HostTreeOptions): Promise<Stats> {
  const stats = await stat(host)
  if (!stats.isFile() && !stats.isDirectory()) {
    throw new HostError('EINVAL', `it is ${kindOf(stats)}, which ${format.name} cannot hold.`)
  }
  return stats
}

export function directoryEntry(
  host: Buffer,
  path: Uint8Array,
  stats: Stats,
  options: HostTreeOptions,
): HostEntry {
  return {
    path,
    type: 'directory',
    size: 0,
    host,
    ...modeOf(stats, options),
    ...timeOf(stats, options),
  }
}

export function fileEntry(
  host: Buffer,
  path: Uint8Array,
  stats: Stats,
  options: HostTreeOptions,
): HostEntry {
  const { size } = stats
  const content = { [Symbol.asyncIterator]: () => readPieces(host, path, stats, options) }
  return {
    path,
    type: 'file',
    size,
    content,
    host,
    ...modeOf(stats, options),
    ...timeOf(stats, options),
  }
}

const PIECE_SIZE = 65_536

async function* readPieces(
  host: Buffer,
  path: Uint8Array,
  planned: Stats,
  { signal, onPiece }: HostTreeOptions,
): AsyncGenerator<Uint8Array, void, void> {
  checkInterrupted(signal)
  const file = await openUnfollowed(host, planned)
  try {
    let size = 0
    for (;;) {
      checkInterrupted(signal)
      const piece = new Uint8Array(Math.min(PIECE_SIZE, planned.size - size + 1))
      const { bytesRead } = await file.read(piece, 0, piece.length)
      if (bytesRead === 0) break
      size += bytesRead
      if (size > planned.size) break
      yield piece.subarray(0, bytesRead)
      onPiece?.(bytesRead, path)
    }
    if (size !== planned.size) throw changedMeanwhile(host)
  } finally {
    await file.close()
  }
}

async function openUnfollowed(host: Buffer, planned: Stats): Promise<FileHandle> {
  let file: FileHandle
  try {
    // Windows has no O_NOFOLLOW; there the comparison below is what refuses.
    file = await open(host, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    if (isErrno(error, 'ELOOP') || isErrno(error, 'ENOENT')) throw changedMeanwhile(host)
    if (!isErrno(error)) throw error
    throw new HostError(error.code ?? 'EIO', `${host.toString()}: ${describe(error)}`)
  }
  const found = await file.stat()
  if (isSame(found, planned)) return file
  await file.close()
  throw changedMeanwhile(host)
}

function changedMeanwhile(host: Buffer): HostError {
  return new HostError(
    'EBUSY',
    `${host.toString()}: it was changed while it was read. Run the command again when nothing writes to it.`,
  )
}

function modeOf({ mode }: Stats, { format }: HostTreeOptions): { mode?: number } {
  return format.holds.modes ? { mode: mode & 0o777 } : {}
}

function timeOf(
  { mtimeMs }: Stats,
  { time, latestSeconds = Number.POSITIVE_INFINITY }: HostTreeOptions,
): { mtime?: number } {
  if (time === 'none') return {}
  if (time !== 'file') return { mtime: time.seconds }
  // No attribute but one can say what was before 1970. A part of a second goes in where there is room.
  return { mtime: Math.max(0, Math.min(mtimeMs / 1000, latestSeconds)) }
}

function isSame(a: Stats, b: Stats | undefined): boolean {
  return b !== undefined && a.dev === b.dev && a.ino === b.ino
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isSocket()) return 'a socket'
  if (stats.isFIFO()) return 'a named pipe'
  return 'a device'
}

function joinHost(directory: Buffer, name: Buffer): Buffer {
  const ends = directory.length > 0 && directory[directory.length - 1] === 0x2f
  return Buffer.concat([directory, Buffer.from(ends ? '' : '/'), name])
}
