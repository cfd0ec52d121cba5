/** The calls on names: what is where, and what becomes of it, each as one operation. */

import { isErrno, type Op } from '@caravan/core'
import { constants } from './constants.js'
import type { FsContext } from './context.js'
import type { EntryInfo, ListedName, SpaceInfo } from './engine.js'
import { type CallName, fail } from './errors.js'
import { absoluteText, childPath, type Path, type PathLike, plainPath } from './path.js'
import { type Call, callOf } from './scheduler.js'

/** Directories in each other, beyond which a tree is taken to lead into itself. */
export const DEPTH_MAX = 1000

export function statCall(context: FsContext, path: PathLike, syscall: string): Call<EntryInfo> {
  const parsed = context.parse(path)
  const call = { syscall, path: parsed.text }
  return callOf('read', call, syscall === 'lstat' ? lookUpLinkOp : lookUpOp, context, parsed, call)
}

function lookUpLinkOp(_: boolean, context: FsContext, path: Path, call: CallName): Op<EntryInfo> {
  const { links } = context.engine
  return links === undefined ? lookUpOp(_, context, path, call) : links.lookUp(path)
}

function lookUpOp(_: boolean, context: FsContext, path: Path, call: CallName): Op<EntryInfo> {
  return path.through.length > 0 ? context.lookUp(path, call) : context.engine.lookUp(path)
}

export function accessCall(context: FsContext, path: PathLike, mode: number): Call<void> {
  const { kind, op, ...call } = statCall(context, path, 'access')
  return {
    ...call,
    kind,
    *op() {
      const info = yield* op(false)
      if ((mode & constants.W_OK) !== 0) context.changes(call)
      const executes = info.type === 'directory' || ((info.mode ?? 0) & 0o111) !== 0
      if ((mode & constants.X_OK) !== 0 && !executes) throw fail('EACCES', call)
    },
  }
}

/** Where a path leads, from the root. */
export function realpathCall(context: FsContext, pathLike: PathLike): Call<string> {
  const path = context.parse(pathLike)
  const call = { syscall: 'realpath', path: path.text }
  return callOf('read', call, realpathOp, context, path, call)
}

function* realpathOp(_: boolean, context: FsContext, path: Path, call: CallName): Op<string> {
  const { links } = context.engine
  if (links !== undefined) return absoluteText(yield* links.realPath(path))
  yield* context.lookUp(path, call)
  return absoluteText(path.names)
}

/** Where a link points, as a byte string. What is no link cannot be read as one. */
export function readlinkCall(context: FsContext, path: PathLike): Call<string> {
  const { op, ...call } = statCall(context, path, 'readlink')
  const parsed = context.parse(path)
  return {
    ...call,
    *op() {
      const { links } = context.engine
      if (links !== undefined) return yield* links.readLink(parsed)
      yield* op(false)
      throw fail('EINVAL', call)
    },
  }
}

/** What the format cannot hold: it says so. */
export function unsupportedCall(call: CallName, what: string): Call<never> {
  return {
    ...call,
    kind: 'read',
    // biome-ignore lint/correctness/useYield: an operation that needs no device is one too.
    *op() {
      throw fail('ENOSYS', call, `this format holds no ${what}`)
    },
  }
}

/** `chmod` and its like: refused, or looked at and ignored, as the mount was told. */
export function permissionsCall(context: FsContext, path: PathLike, syscall: string): Call<void> {
  const { op, ...call } = statCall(context, path, syscall)
  return {
    ...call,
    *op() {
      yield* op(false)
      refusePermissions(context, call)
    },
  }
}

export function refusePermissions(context: FsContext, call: CallName): void {
  if (context.permissions === 'ignore') return
  throw fail(
    'ENOSYS',
    call,
    "this format holds no owners or permissions: mount with permissions: 'ignore' where that is fine",
  )
}

export interface Listed {
  readonly path: Path
  readonly entries: readonly ListedName[]
}

export function listCall(
  context: FsContext,
  pathLike: PathLike,
  recursive: boolean,
  syscall: string,
): Call<Listed> {
  const path = context.parse(pathLike)
  const call = { syscall, path: path.text }
  return callOf('read', call, listOp, context, path, call, recursive)
}

function* listOp(
  _: boolean,
  context: FsContext,
  path: Path,
  call: CallName,
  recursive: boolean,
): Op<Listed> {
  if (path.through.length > 0) yield* context.enter(path, call)
  return { path, entries: yield* context.engine.list(path, recursive) }
}

/** @returns the first directory that it made, where `recursive`. */
export function mkdirCall(
  context: FsContext,
  pathLike: PathLike,
  recursive: boolean,
): Call<string | undefined> {
  const path = context.parse(pathLike)
  const call = { syscall: 'mkdir', path: path.text }
  return callOf('change', call, recursive ? mkdirTreeOp : mkdirOp, context, path, call)
}

function* mkdirOp(
  _: boolean,
  context: FsContext,
  path: Path,
  call: CallName,
): Op<string | undefined> {
  const changes = context.changes(call)
  if (path.through.length > 0) yield* context.enter(path, call)
  if (path.names.length === 0) throw fail('EEXIST', call)
  // A slash at the end asks for nothing that is not made here.
  yield* changes.makeDirectory({ ...path, mustBeDirectory: false })
  return undefined
}

function* mkdirTreeOp(
  _: boolean,
  context: FsContext,
  path: Path,
  call: CallName,
): Op<string | undefined> {
  const changes = context.changes(call)
  let first: string | undefined
  // What `..` takes back is made too.
  for (const names of [...path.through, path.names]) {
    for (let depth = 1; depth <= names.length; depth++) {
      const part = plainPath(names.slice(0, depth), path.text)
      const info = yield* context.find(part, call)
      if (info?.type === 'directory') continue
      const isLast = names === path.names && depth === names.length
      if (info !== undefined)
        throw fail(isLast && !path.mustBeDirectory ? 'EEXIST' : 'ENOTDIR', call)
      yield* changes.makeDirectory(part)
      first ??= absoluteText(part.names)
    }
  }
  return first
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Makes a directory of a name that nothing has, behind a prefix. */
export function mkdtempCall(context: FsContext, prefix: string): Call<string> {
  const letter = () => LETTERS[Math.floor(context.random() * LETTERS.length)] as string
  const call = { syscall: 'mkdtemp', path: `${prefix}XXXXXX` }
  return {
    ...call,
    kind: 'change',
    *op() {
      const changes = context.changes(call)
      for (;;) {
        const name = prefix + Array.from({ length: 6 }, letter).join('')
        const path = context.parse(name)
        yield* context.enter(path, call)
        try {
          yield* changes.makeDirectory(path)
          return name
        } catch (error) {
          if (!isErrno(error, 'EEXIST')) throw error
        }
      }
    },
  }
}

export function unlinkCall(context: FsContext, pathLike: PathLike): Call<void> {
  const path = context.parse(pathLike)
  const call = { syscall: 'unlink', path: path.text }
  return callOf('change', call, unlinkOp, context, path, call)
}

function* unlinkOp(_: boolean, context: FsContext, path: Path, call: CallName): Op<void> {
  const changes = context.changes(call)
  const info = yield* context.lookUp(path, call)
  if (info.type === 'directory') throw fail('EISDIR', call)
  yield* changes.remove(path)
}

export function rmdirCall(context: FsContext, pathLike: PathLike): Call<void> {
  const path = context.parse(pathLike)
  const call = { syscall: 'rmdir', path: path.text }
  return {
    ...call,
    kind: 'change',
    *op() {
      const changes = context.changes(call)
      const info = yield* context.lookUp(path, call)
      if (info.type !== 'directory') throw fail('ENOTDIR', call)
      if (path.names.length === 0) throw fail('EBUSY', call)
      if (path.endsInDots) throw fail(path.text.endsWith('..') ? 'ENOTEMPTY' : 'EINVAL', call)
      yield* changes.remove(path)
    },
  }
}

interface RmSettings {
  readonly recursive?: boolean | undefined
  readonly force?: boolean | undefined
}

/** Removes a file; with `recursive` a directory and all in it, one entry at a time, leaves first. */
export function rmCall(context: FsContext, pathLike: PathLike, options: RmSettings): Call<void> {
  const path = context.parse(pathLike)
  const call = { syscall: 'rm', path: path.text }
  return {
    ...call,
    kind: 'change',
    *op() {
      const changes = context.changes(call)
      let info: EntryInfo
      try {
        info = yield* context.lookUp(path, call)
      } catch (error) {
        if (options.force === true && isErrno(error, 'ENOENT')) return
        throw error
      }
      if (info.type === 'directory') {
        if (options.recursive !== true) throw fail('ERR_FS_EISDIR', call, 'give recursive: true')
        if (path.endsInDots && path.names.length > 0) throw fail('EINVAL', call)
        yield* removeContents(context, path, call)
        if (path.names.length === 0) return
      }
      yield* changes.remove(plainPath(path.names, path.text))
    },
  }
}

function* removeContents(context: FsContext, top: Path, call: CallName): Op<void> {
  const changes = context.changes(call)
  const pending: Path[] = [plainPath(top.names, top.text)]
  for (let path = pending.at(-1); path !== undefined; path = pending.at(-1)) {
    if (pending.length > DEPTH_MAX) throw fail('ELOOP', call)
    let inner: Path | undefined
    for (const { name, type } of yield* context.engine.list(path, false)) {
      const child = childPath(path, name)
      if (type === 'directory') inner = child
      else yield* changes.remove(child)
    }
    if (inner !== undefined) {
      pending.push(inner)
      continue
    }
    pending.pop()
    if (pending.length > 0) yield* changes.remove(path)
  }
}

export function renameCall(context: FsContext, from: PathLike, to: PathLike): Call<void> {
  const source = context.parse(from)
  const target = context.parse(to)
  const call = { syscall: 'rename', path: source.text, dest: target.text }
  return callOf('change', call, renameOp, context, source, target, call)
}

function* renameOp(
  _: boolean,
  context: FsContext,
  source: Path,
  target: Path,
  call: CallName,
): Op<void> {
  const changes = context.changes(call)
  yield* context.checkParent(source, call)
  yield* context.checkParent(target, call)
  if (source.endsInDots || target.endsInDots) throw fail('EBUSY', call)
  // Whatever is there: what has a slash behind it must be a directory, and so what is renamed to it.
  if (target.mustBeDirectory && (yield* context.lookUp(source, call)).type !== 'directory') {
    throw fail('ENOTDIR', call)
  }
  yield* changes.rename(source, target)
}

export function setTimesCall(
  context: FsContext,
  pathLike: PathLike,
  atimeNs: bigint,
  mtimeNs: bigint,
  syscall: 'utime' | 'lutime',
): Call<void> {
  const path = context.parse(pathLike)
  const call = { syscall, path: path.text }
  return {
    ...call,
    kind: 'change',
    *op() {
      const changes = context.changes(call)
      if (path.through.length > 0) yield* context.enter(path, call)
      yield* changes.setTimes(path, atimeNs, mtimeNs)
    },
  }
}

export function spaceCall(context: FsContext, path: PathLike): Call<SpaceInfo> {
  const { op, ...call } = statCall(context, path, 'statfs')
  return {
    ...call,
    *op() {
      yield* op(false)
      return yield* context.engine.space()
    },
  }
}
