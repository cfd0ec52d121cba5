/**
 * Files of this computer, written so that each is there whole or not at all.
 *
 * 1. A file grows under a temporary name in the directory where it will stand, opened so that
 *    nothing that is already there is written to or through (`wx`), and is renamed when complete.
 * 2. After a failure or an interruption the temporary file is gone.
 * 3. What already stands under the name is replaced only when told so, and never through a link.
 */

import { constants } from 'node:fs'
import { type FileHandle, lstat, lutimes, open, rename, symlink, unlink } from 'node:fs/promises'
import { checkInterrupted, HostError, isErrno } from './errors.js'

interface HostFileOptions {
  /** Replace a file or link that already stands there. Default: refuse. */
  readonly force?: boolean
  /** The modification time to give it. Default: now. */
  readonly modified?: Date | undefined
  /** Permission bits, of which the process's umask takes some away. Default 0o666. */
  readonly mode?: number | undefined
  /** Have it on the disk before it takes its name. Default false. */
  readonly durable?: boolean
  readonly signal: AbortSignal
  /** Told of every piece written. */
  readonly onPiece?: (sizeBytes: number) => void
}

let temporaryCount = 0

/**
 * Writes a file whole. Paths are bytes: not every name is text.
 *
 * @throws HostError where something is in the way; Interrupted; Node's own errors of the host; what
 * `pieces` throws.
 */
export async function writeHostFile(
  path: Buffer,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { force = false, modified, mode, durable = false, signal, onPiece }: HostFileOptions,
): Promise<void> {
  await makeHostFile(path, { force, signal, mode }, async (file) => {
    for await (const piece of pieces) {
      checkInterrupted(signal)
      for (let done = 0; done < piece.length; ) {
        done += (await file.write(piece, done)).bytesWritten
      }
      onPiece?.(piece.length)
    }
    if (durable) await file.sync()
    if (modified !== undefined) await file.utimes(modified, modified)
  })
}

/**
 * Makes a file whole, however it is filled.
 *
 * @param fill is handed the file, open for writing, and its temporary name.
 * @throws as {@link writeHostFile}; what `fill` throws.
 */
export async function makeHostFile(
  path: Buffer,
  { force = false, signal, mode }: Pick<HostFileOptions, 'force' | 'signal' | 'mode'>,
  fill: (file: FileHandle, temporary: Buffer) => Promise<void>,
): Promise<void> {
  await checkReplaceable(path, force)
  const { file, temporary } = await openTemporary(directoryOf(path), mode)
  try {
    try {
      await fill(file, temporary)
    } finally {
      await file.close()
    }
    checkInterrupted(signal)
    // Looked at again: it may have come while this one was written.
    await checkReplaceable(path, force)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary)
    throw error
  }
}

/** What stands at a path, the link itself where it is one; `undefined` for nothing. */
export async function lookAt(path: Buffer | string): Promise<HostKind | undefined> {
  try {
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) return 'link'
    if (stats.isDirectory()) return 'directory'
    return stats.isFile() ? 'file' : 'other'
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

type HostKind = 'file' | 'directory' | 'link' | 'other'

/** @throws HostError where something stands there that may not be replaced. */
export async function checkReplaceable(path: Buffer, force: boolean): Promise<void> {
  const kind = await lookAt(path)
  if (kind === undefined) return
  if (kind === 'directory') {
    throw new HostError('EISDIR', 'a directory of this name is in the way.')
  }
  if (kind === 'other') {
    throw new HostError('EEXIST', 'a device or a pipe of this name is in the way.')
  }
  if (!force) {
    throw new HostError('EEXIST', 'already there. Use --force to replace it.')
  }
}

/** Another process of this number, perhaps of another host, may have left one of that name. */
async function openTemporary(
  directory: Buffer,
  mode = 0o666,
): Promise<{ file: FileHandle; temporary: Buffer }> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  for (;;) {
    const temporary = nextTemporary(directory)
    try {
      return { file: await open(temporary, flags, mode), temporary }
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }
}

function nextTemporary(directory: Buffer): Buffer {
  temporaryCount++
  const name = `.caravan-${process.pid}-${temporaryCount}.part`
  return Buffer.concat([directory, Buffer.from(name)])
}

/**
 * Makes a symbolic link, in one step where it replaces something.
 *
 * @throws HostError where something is in the way; Node's own errors of the host.
 */
export async function makeHostLink(
  path: Buffer,
  target: Uint8Array,
  { force = false, modified }: Pick<HostFileOptions, 'force' | 'modified'>,
): Promise<void> {
  await checkReplaceable(path, force)
  const temporary = nextTemporary(directoryOf(path))
  await symlink(Buffer.from(target), temporary)
  try {
    if (modified !== undefined) await lutimes(temporary, modified, modified)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary)
    throw error
  }
}

/** With its slash, so that a name can be put behind it. */
function directoryOf(path: Buffer): Buffer {
  const slash = Math.max(
    path.lastIndexOf('/'),
    process.platform === 'win32' ? path.lastIndexOf('\\') : -1,
  )
  return path.subarray(0, slash + 1)
}
