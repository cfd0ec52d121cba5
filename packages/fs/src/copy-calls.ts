/** Copying files and trees, each copy as one operation. */

import type { Op } from '@caravan/core'
import { constants } from './constants.js'
import type { FsContext } from './context.js'
import type { EntryInfo } from './engine.js'
import { type CallName, fail } from './errors.js'
import { childPath, isWithin, type Path, type PathLike, plainPath } from './path.js'
import { type Call, callOf } from './scheduler.js'
import { DEPTH_MAX } from './tree-calls.js'

/** Up to this many bytes a file is copied in one piece, and appears in one step. */
const WHOLE_COPY_BYTES = 1024 * 1024
const PIECE_SIZE_BYTES = 256 * 1024

export function copyFileCall(
  context: FsContext,
  from: PathLike,
  to: PathLike,
  mode: number,
): Call<void> {
  const source = context.parse(from)
  const target = context.parse(to)
  const call = { syscall: 'copyfile', path: source.text, dest: target.text }
  return {
    ...call,
    kind: 'change',
    *op() {
      context.changes(call)
      const info = yield* context.lookUp(source, call)
      const exclusive = (mode & constants.COPYFILE_EXCL) !== 0
      yield* context.checkParent(target, call)
      if (target.mustBeDirectory && !target.endsInDots) throw fail('EISDIR', call)
      if (info.type !== 'file' || target.mustBeDirectory) {
        const isThere = (yield* context.find(target, call)) !== undefined
        throw fail(exclusive && isThere ? 'EEXIST' : 'EISDIR', call)
      }
      yield* copyOne(context, source, info, target, exclusive)
    },
  }
}

function* copyOne(
  context: FsContext,
  source: Path,
  info: EntryInfo,
  target: Path,
  exclusive: boolean,
): Op<void> {
  const { engine } = context
  const isItself = isWithin(source, target) && isWithin(target, source)
  if (isItself && !exclusive) return
  const changes = context.changes({ syscall: 'copyfile' })
  if (info.size <= WHOLE_COPY_BYTES) {
    const bytes = yield* engine.readFile(source, () => {})
    if (bytes !== undefined) {
      yield* changes.writeFile(target, bytes, { create: true, exclusive })
      return
    }
  }
  const from = yield* engine.open(source, {})
  try {
    const to = yield* engine.open(target, { create: true, exclusive })
    try {
      if (to.size > 0) yield* to.truncate(0)
      const piece = new Uint8Array(Math.min(PIECE_SIZE_BYTES, from.size))
      for (let at = 0; at < from.size; ) {
        const count = yield* from.readAt(at, piece)
        yield* to.writeAt(at, piece.subarray(0, count))
        at += count
      }
    } finally {
      yield* to.close(true)
    }
  } finally {
    yield* from.close(false)
  }
}

export interface CopySettings {
  /** Directories with all that is in them. */
  readonly recursive?: boolean | undefined
  /** Overwrites what is there. Default true. */
  readonly force?: boolean | undefined
  /** With `force: false`: an error for what is there. */
  readonly errorOnExist?: boolean | undefined
  readonly preserveTimestamps?: boolean | undefined
  /** As of `copyFile`. */
  readonly mode?: number | undefined
  /** False leaves out an entry and all in it. */
  readonly filter?: ((source: string, destination: string) => boolean) | undefined
}

/** Copies a file or a tree. */
export function cpCall(
  context: FsContext,
  from: PathLike,
  to: PathLike,
  options: CopySettings,
): Call<void> {
  const source = context.parse(from)
  const target = context.parse(to)
  const call = { syscall: 'cp', path: source.text, dest: target.text }
  return callOf('change', call, cpOp, context, source, target, options, call)
}

function* cpOp(
  _: boolean,
  context: FsContext,
  source: Path,
  target: Path,
  options: CopySettings,
  call: CallName,
): Op<void> {
  const changes = context.changes(call)
  if (options.filter?.(source.text, target.text) === false) return
  const info = yield* context.lookUp(source, call)
  const there = yield* context.find(target, call)
  const isWithinSource = isWithin(source, target)
  const hint = 'nothing can be copied into itself'
  if (isWithinSource && source.names.length === target.names.length) {
    throw fail('ERR_FS_CP_EINVAL', call, hint)
  }
  if (there !== undefined) checkTypes(info, there, call)
  if (isWithinSource) throw fail('ERR_FS_CP_EINVAL', call, hint)
  if (info.type === 'directory' && options.recursive !== true) {
    throw fail('ERR_FS_EISDIR', call, 'give recursive: true')
  }
  if (target.mustBeDirectory && info.type === 'file' && there === undefined) {
    throw fail('EISDIR', call)
  }
  // Directories on the way to the target are made.
  for (let depth = 1; depth < target.names.length; depth++) {
    const part = plainPath(target.names.slice(0, depth), target.text)
    if ((yield* context.find(part, call)) === undefined) yield* changes.makeDirectory(part)
  }
  yield* copyEntry(context, call, options, info, plainOf(source), plainOf(target))
}

/** @throws FsError where a directory would replace a file, or a file a directory. */
function checkTypes(info: EntryInfo, there: EntryInfo, call: CallName): void {
  const isDirectory = info.type === 'directory'
  if (isDirectory === (there.type === 'directory')) return
  throw fail(isDirectory ? 'ERR_FS_CP_DIR_TO_NON_DIR' : 'ERR_FS_CP_NON_DIR_TO_DIR', call)
}

function plainOf(path: Path): Path {
  return plainPath(path.names, path.text)
}

function* copyEntry(
  context: FsContext,
  call: CallName,
  options: CopySettings,
  info: EntryInfo,
  source: Path,
  target: Path,
): Op<void> {
  const changes = context.changes(call)
  if (source.names.length > DEPTH_MAX) throw fail('ELOOP', call)
  const there = yield* context.find(target, call)
  const where = { ...call, path: source.text, dest: target.text }
  if (there !== undefined) checkTypes(info, there, where)
  if (info.type === 'directory') {
    if (there === undefined) yield* changes.makeDirectory(target)
    for (const { name, type } of yield* context.engine.list(source, false)) {
      const from = childPath(source, name)
      const to = childPath(target, name)
      if (
        (type !== 'file' && type !== 'directory') ||
        options.filter?.(from.text, to.text) === false
      )
        continue
      yield* copyEntry(context, call, options, yield* context.engine.lookUp(from), from, to)
    }
  } else {
    const isExclusive = ((options.mode ?? 0) & constants.COPYFILE_EXCL) !== 0
    if (there !== undefined && (options.force === false || isExclusive)) {
      if (options.errorOnExist === true || isExclusive) throw fail('ERR_FS_CP_EEXIST', where)
      return
    }
    yield* copyOne(context, source, info, target, false)
  }
  if (options.preserveTimestamps === true) {
    yield* changes.setTimes(target, info.times.atimeNs, info.times.mtimeNs)
  }
}
