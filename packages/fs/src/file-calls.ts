/** The calls on open files, and on the content of files by path, each as one operation. */

import { FsError, isErrno, MisuseError, type Op } from '@caravan/core'
import type { FsContext } from './context.js'
import { type CallName, checkSignal, fail } from './errors.js'
import { type OpenFlags, parseFlags } from './flags.js'
import { Handle } from './handle.js'
import type { Path, PathLike } from './path.js'
import { type Call, callOf, NEEDS_CHANGE } from './scheduler.js'

type Flag = string | number | undefined | null

/** Opens a file, or a directory to be looked at. */
export function openCall(context: FsContext, pathLike: PathLike, flag: Flag): Call<Handle> {
  const path = context.parse(pathLike)
  const flags = parseFlags(flag)
  const call = { syscall: 'open', path: path.text }
  const kind = flags.create || flags.truncate ? 'change' : 'read'
  return callOf(kind, call, openOp, context, path, flags, call)
}

function* openOp(
  _: boolean,
  context: FsContext,
  path: Path,
  flags: OpenFlags,
  call: CallName,
): Op<Handle> {
  const { engine, handles } = context
  if (flags.write || flags.create || flags.truncate) context.changes(call)
  if (path.through.length > 0) yield* context.enter(path, call)
  if (flags.create && path.mustBeDirectory) {
    yield* context.checkParent(path, call)
    throw fail(flags.exclusive && path.endsInDots ? 'EEXIST' : 'EISDIR', call)
  }
  if (flags.directory) {
    const info = yield* engine.lookUp(path)
    if (info.type !== 'directory') throw fail('ENOTDIR', call)
  }
  try {
    const file = yield* engine.open(path, flags)
    try {
      // POSIX truncates whatever the access; Node's letters never ask for it without writing.
      if (flags.truncate && file.size > 0) yield* file.truncate(0)
    } catch (error) {
      yield* file.close(true)
      throw error
    }
    return handles.add((fd) => new Handle(fd, path, flags, file, undefined))
  } catch (error) {
    if (!isErrno(error, 'EISDIR') || flags.write || flags.create) throw error
    const info = yield* engine.lookUp(path)
    return handles.add((fd) => new Handle(fd, path, flags, undefined, info))
  }
}

function onHandle<T>(handle: Handle, call: Call<T>): Call<T> {
  return { ...call, handle }
}

/** Reads into `target`; from the handle's own position, which moves, where `position` is null. */
export function readCall(
  handle: Handle,
  target: Uint8Array,
  position: number | null,
): Call<number> {
  return onHandle(handle, callOf('read', READ, readOp, handle, target, position))
}

const READ = { syscall: 'read' }

function* readOp(
  mayChange: boolean,
  handle: Handle,
  target: Uint8Array,
  position: number | null,
): Op<number> {
  handle.checkOpen('read')
  if (target.length === 0) return 0
  const file = handle.forReading()
  if (file.isUnsettled && !mayChange) throw NEEDS_CHANGE
  const at = position ?? handle.position
  if (position !== null) return yield* file.readAt(at, target)
  // The position moves at once: another read that begins meanwhile goes on behind this one.
  handle.position = at + Math.max(0, Math.min(target.length, file.size - at))
  return yield* file.readAt(at, target)
}

/** Writes all; at the handle's own position, which moves, where `position` is null. */
export function writeCall(
  handle: Handle,
  pieces: readonly Uint8Array[],
  position: number | null,
): Call<number> {
  return onHandle(handle, callOf('change', WRITE, writeOp, handle, pieces, position))
}

const WRITE = { syscall: 'write' }

function* writeOp(
  _: boolean,
  handle: Handle,
  pieces: readonly Uint8Array[],
  position: number | null,
): Op<number> {
  const file = handle.forWriting('write')
  // As pwrite: with O_APPEND it goes to the end all the same, and the handle stays where it was.
  const isPositioned = position !== null
  const start = handle.flags.append ? file.size : (position ?? handle.position)
  let at = start
  handle.hasWritten = true
  try {
    for (const piece of pieces) {
      if (piece.length > 0) yield* file.writeAt(at, piece)
      at += piece.length
      if (!isPositioned) handle.position = at
    }
    if (handle.flags.sync) yield* file.sync()
  } catch (error) {
    handle.wasToldOfFailure = true
    throw error
  }
  return at - start
}

export function truncateHandleCall(handle: Handle, size: number): Call<void> {
  return {
    handle,
    kind: 'change',
    syscall: 'ftruncate',
    *op() {
      const file = handle.forWriting('ftruncate')
      checkSize(size)
      handle.hasWritten = true
      try {
        yield* file.truncate(Math.max(0, size))
      } catch (error) {
        handle.wasToldOfFailure = true
        throw error
      }
    },
  }
}

function checkSize(size: number): void {
  if (Number.isInteger(size)) return
  throw new MisuseError('INVALID_ARGUMENT', `A size is a whole number of bytes, not ${size}.`)
}

export function syncCall(handle: Handle, syscall: 'fsync' | 'fdatasync'): Call<void> {
  return onHandle(handle, callOf('read', { syscall }, syncOp, handle, syscall))
}

function* syncOp(mayChange: boolean, handle: Handle, syscall: string): Op<void> {
  handle.checkOpen(syscall)
  if (handle.file === undefined || !handle.file.isUnsettled) return
  if (!mayChange) throw NEEDS_CHANGE
  yield* handle.file.sync()
}

export function closeCall(context: FsContext, handle: Handle): Call<void> {
  return onHandle(handle, callOf('read', CLOSE, closeOp, context, handle))
}

const CLOSE = { syscall: 'close' }

function* closeOp(mayChange: boolean, context: FsContext, handle: Handle): Op<void> {
  handle.checkOpen('close')
  const { file } = handle
  if (file !== undefined && !file.closesQuietly(handle.hasWritten) && !mayChange) throw NEEDS_CHANGE
  context.handles.remove(handle)
  try {
    if (file !== undefined) yield* file.close(handle.hasWritten)
  } catch (error) {
    if (!handle.isOldNews(error)) throw error
  }
}

export function setHandleTimesCall(handle: Handle, atimeNs: bigint, mtimeNs: bigint): Call<void> {
  return {
    handle,
    kind: 'change',
    syscall: 'futime',
    *op() {
      handle.checkOpen('futime')
      if (handle.file !== undefined) yield* handle.file.setTimes(atimeNs, mtimeNs)
    },
  }
}

/** What is left of a file behind the handle's position. */
export function readRestCall(handle: Handle, signal?: AbortSignal | null): Call<Uint8Array> {
  return {
    handle,
    kind: 'read',
    syscall: 'read',
    *op(mayChange) {
      checkSignal(signal)
      const file = handle.forReading()
      if (file.isUnsettled && !mayChange) throw NEEDS_CHANGE
      const bytes = new Uint8Array(Math.max(0, file.size - handle.position))
      const at = handle.position
      handle.position = at + bytes.length
      const count = yield* file.readAt(at, bytes)
      return bytes.subarray(0, count)
    },
  }
}

interface ReadFileSettings {
  readonly flag?: Flag
  readonly signal?: AbortSignal | null | undefined
}

/** A whole file, as one moment has it. */
export function readFileCall(
  context: FsContext,
  pathLike: PathLike,
  { flag, signal }: ReadFileSettings,
): Call<Uint8Array> {
  const flags = flag === undefined ? PLAIN_READ : parseFlags(flag)
  if (flags.create || flags.truncate || flags.write) {
    return throughHandle(context, pathLike, flag, signal, (handle) => readRestCall(handle, signal))
  }
  const path = context.parse(pathLike)
  const call = { syscall: 'open', path: path.text }
  return callOf('read', call, readFileOp, context, path, call, signal)
}

const PLAIN_READ = parseFlags('r')

function* readFileOp(
  mayChange: boolean,
  context: FsContext,
  path: Path,
  call: CallName,
  signal: AbortSignal | null | undefined,
): Op<Uint8Array> {
  const { engine } = context
  checkSignal(signal)
  if (path.through.length > 0) yield* context.enter(path, call)
  try {
    const bytes = yield* engine.readFile(path, () => checkSignal(signal))
    if (bytes !== undefined) return bytes
  } catch (error) {
    if (isErrno(error, 'EISDIR')) throw fail('EISDIR', READ)
    throw error
  }
  if (!mayChange) throw NEEDS_CHANGE
  const file = yield* engine.open(path, {})
  const bytes = new Uint8Array(file.size)
  try {
    yield* file.readAt(0, bytes)
  } finally {
    yield* file.close(false)
  }
  return bytes
}

interface WriteFileSettings extends ReadFileSettings {
  /** Kept for what Node's own has: a close syncs anyway. */
  readonly flush?: boolean | undefined
}

/** Gives a file its content; as the flag says where it is not `w`. */
export function writeFileCall(
  context: FsContext,
  pathLike: PathLike,
  data: Uint8Array,
  { flag, signal }: WriteFileSettings,
  fallback = 'w',
): Call<void> {
  const path = context.parse(pathLike)
  const flags = parseFlags(flag, fallback)
  const call = { syscall: 'open', path: path.text }
  if (!isWholeWrite(flags)) {
    const opened = throughHandle(context, pathLike, flag ?? fallback, signal, (handle) =>
      writeCall(handle, [data], null),
    )
    return { ...opened, op: (mayChange) => ignoreResult(opened.op(mayChange)) }
  }
  return callOf('change', call, writeFileOp, context, path, data, flags, signal, call)
}

function* writeFileOp(
  _: boolean,
  context: FsContext,
  path: Path,
  data: Uint8Array,
  flags: OpenFlags,
  signal: AbortSignal | null | undefined,
  call: CallName,
): Op<void> {
  checkSignal(signal)
  const changes = context.changes(call)
  if (path.through.length > 0) yield* context.enter(path, call)
  if (path.mustBeDirectory) {
    yield* context.checkParent(path, call)
    throw fail(flags.exclusive && path.endsInDots ? 'EEXIST' : 'EISDIR', call)
  }
  yield* changes.writeFile(path, data, flags)
}

function isWholeWrite(flags: OpenFlags): boolean {
  return flags.write && flags.truncate && flags.create && !flags.append
}

function* ignoreResult(op: Op<unknown>): Op<void> {
  yield* op
}

/** Opens, does one thing, closes: as one change. */
function throughHandle<T>(
  context: FsContext,
  path: PathLike,
  flag: Flag,
  signal: AbortSignal | null | undefined,
  use: (handle: Handle) => Call<T>,
): Call<T> {
  const opening = openCall(context, path, flag)
  return {
    ...opening,
    kind: 'change',
    *op() {
      checkSignal(signal)
      const handle = yield* opening.op(true)
      let result: T
      try {
        result = yield* use(handle).op(true)
      } catch (error) {
        yield* closeAfterFailure(context, handle)
        throw error
      }
      yield* closeCall(context, handle).op(true)
      return result
    },
  }
}

/** What failed first is what the program is told. */
function* closeAfterFailure(context: FsContext, handle: Handle): Op<void> {
  try {
    yield* closeCall(context, handle).op(true)
  } catch (error) {
    if (!(error instanceof FsError)) throw error
  }
}

export function truncateCall(context: FsContext, path: PathLike, size: number): Call<void> {
  return throughHandle(context, path, 'r+', undefined, (handle) => truncateHandleCall(handle, size))
}
