/**
 * What a filesystem must hold and answer: a tree of maps.
 *
 * 1. An operation that must fail changes nothing, whatever space there is.
 * 2. A handle sees what was there when it was opened, with what it wrote; others see that once it
 *    is synced. A handle follows its file through a rename, and keeps one that was removed.
 */

import { DONE, type OpenMode, type Operation, type Outcome } from './operation.js'
import { contentOf } from './random.js'

interface ModelFile {
  readonly kind: 'file'
  bytes: Uint8Array
  readonly attributes: Map<number, Uint8Array>
  /** All that it ever held, the newest last. */
  readonly history: Uint8Array[]
  removed: boolean
}

interface ModelDirectory {
  readonly kind: 'directory'
  readonly children: Map<string, ModelNode>
  readonly attributes: Map<number, Uint8Array>
}

export type ModelNode = ModelFile | ModelDirectory

/** Longest name, largest file and attribute in bytes. */
export interface ModelLimits {
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

interface ModelHandle {
  readonly file: ModelFile
  readonly reads: boolean
  readonly writes: boolean
  readonly appends: boolean
  view: Uint8Array
  position: number
  dirty: boolean
  failed: boolean
}

/** An operation's refusal. */
class Refused extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}

/** The largest size that any file may be given. */
const SIZE_MAX_BYTES = 2147483647

export class TreeModel {
  readonly root: ModelDirectory = directory()
  readonly handles = new Map<number, ModelHandle>()

  constructor(readonly limits: ModelLimits) {}

  get hasHandles(): boolean {
    return this.handles.size > 0
  }

  /** Does an operation as it is done where there is space. */
  apply(operation: Operation): Outcome {
    try {
      return this.perform(operation)
    } catch (error) {
      if (error instanceof Refused) return { error: error.code }
      throw error
    }
  }

  /** What stays of an operation for which there was no space: a handle from which nothing is saved. */
  applyWithoutSpace(operation: Operation): void {
    if (!('slot' in operation)) return
    const handle = this.handles.get(operation.slot)
    if (handle === undefined) return
    if (operation.do === 'close') this.handles.delete(operation.slot)
    else handle.failed = true
  }

  /** True where the operation must fail before space is asked for. */
  refuses(operation: Operation): boolean {
    // A file beyond its limit is filled up to it first.
    if (operation.do === 'truncate' || operation.do === 'truncateFile') return false
    if (operation.do === 'write') {
      const handle = this.handles.get(operation.slot)
      if (handle === undefined) return true
      const start = handle.appends ? Math.max(handle.position, handle.view.length) : handle.position
      return !handle.writes || start + operation.content.size > this.limits.fileMax
    }
    if (operation.do === 'sync' || operation.do === 'close' || operation.do === 'read') return false
    const copy = this.clone()
    return copy.apply(operation).error !== undefined
  }

  /**
   * A handle that has written nothing may go over to newer content of its file: the first since the
   * handle was opened that `isSeen` takes.
   */
  refresh(slot: number, isSeen: (view: Uint8Array) => boolean): void {
    const handle = this.handles.get(slot)
    if (handle === undefined || handle.dirty || handle.failed) return
    const { history } = handle.file
    const view = history.slice(history.lastIndexOf(handle.view)).find(isSeen)
    if (view !== undefined) handle.view = view
  }

  /** True where a handle that may have gone over to newer content has several of one size to choose. */
  isUnclear(slot: number): boolean {
    const handle = this.handles.get(slot)
    if (handle === undefined || handle.dirty || handle.failed) return false
    const { history } = handle.file
    const views = history.slice(history.lastIndexOf(handle.view))
    return views.some((view, i) => views.slice(0, i).some((earlier) => looksAlike(view, earlier)))
  }

  /** The tree alone, as it is on the device. */
  clone(): TreeModel {
    const copy = new TreeModel(this.limits)
    copyInto(this.root, copy.root)
    return copy
  }

  /** Every path, the root first, a directory before what is in it. */
  *paths(): Generator<[path: string, node: ModelNode], void, void> {
    const pending: [string, ModelNode][] = [['/', this.root]]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      yield next
      const [path, node] = next
      if (node.kind === 'file') continue
      for (const [name, child] of node.children) {
        pending.push([path === '/' ? `/${name}` : `${path}/${name}`, child])
      }
    }
  }

  find(path: string): ModelNode | undefined {
    const names = namesOf(path)
    let node: ModelNode = this.root
    for (const [i, name] of names.entries()) {
      if (node.kind !== 'directory') throw new Refused('ENOTDIR')
      const child = node.children.get(name)
      if (child === undefined) {
        if (i < names.length - 1) throw new Refused('ENOENT')
        return undefined
      }
      node = child
    }
    return node
  }

  private perform(operation: Operation): Outcome {
    switch (operation.do) {
      case 'writeFile': {
        const bytes = contentOf(operation.content.seed, operation.content.size)
        const file = this.findFile(operation.path)
        if (bytes.length > this.limits.fileMax) throw new Refused('EFBIG')
        setBytes(this.fileAt(operation.path, file), bytes)
        return DONE
      }
      case 'appendFile': {
        const more = contentOf(operation.content.seed, operation.content.size)
        const found = this.findFile(operation.path)
        const size = (found?.bytes.length ?? 0) + more.length
        if (size > this.limits.fileMax) throw new Refused('EFBIG')
        const file = this.fileAt(operation.path, found)
        setBytes(file, joined(file.bytes, more))
        return DONE
      }
      case 'truncateFile': {
        const file = this.findFile(operation.path)
        if (file === undefined) throw new Refused('ENOENT')
        if (operation.size > this.limits.fileMax) throw new Refused('EFBIG')
        setBytes(file, resized(file.bytes, operation.size))
        return DONE
      }
      case 'mkdir':
        if (this.find(operation.path) !== undefined) throw new Refused('EEXIST')
        this.checkNewName(operation.path)
        this.parentOf(operation.path).children.set(lastName(operation.path), directory())
        return DONE
      case 'remove':
        if (namesOf(operation.path).length === 0) throw new Refused('EINVAL')
        this.removeNode(operation.path)
        return DONE
      case 'removeTree':
        return this.removeTree(operation.path)
      case 'rename':
        return this.rename(operation.path, operation.to)
      case 'setAttribute':
        if (operation.content.size > this.limits.attrMax) throw new Refused('ENOSPC')
        this.required(operation.path).attributes.set(
          operation.type,
          contentOf(operation.content.seed, operation.content.size),
        )
        return DONE
      case 'removeAttribute':
        this.required(operation.path).attributes.delete(operation.type)
        return DONE
      case 'open':
        return this.open(operation.slot, operation.path, operation.mode)
      case 'gc':
      case 'makeConsistent':
        return DONE
      case 'remount':
        this.handles.clear()
        return DONE
      default:
        return this.performOnHandle(operation)
    }
  }

  private performOnHandle(operation: Extract<Operation, { slot: number }>): Outcome {
    const handle = this.handles.get(operation.slot)
    if (handle === undefined) return DONE
    switch (operation.do) {
      case 'write': {
        if (!handle.writes) throw new Refused('EBADF')
        const bytes = contentOf(operation.content.seed, operation.content.size)
        if (handle.appends) handle.position = Math.max(handle.position, handle.view.length)
        const end = handle.position + bytes.length
        if (end > this.limits.fileMax) throw new Refused('EFBIG')
        handle.view = resized(handle.view, Math.max(handle.view.length, end))
        handle.view.set(bytes, handle.position)
        handle.position = end
        handle.dirty = true
        return stateOf(handle)
      }
      case 'read': {
        if (!handle.reads) throw new Refused('EBADF')
        const bytes = handle.view.slice(handle.position, handle.position + operation.size)
        handle.position += bytes.length
        return { bytes, ...stateOf(handle) }
      }
      case 'seek': {
        const { position, view } = handle
        const from = { start: 0, current: position, end: view.length }[operation.origin]
        const target = from + operation.offset
        if (target < 0 || target > this.limits.fileMax) throw new Refused('EINVAL')
        handle.position = target
        return stateOf(handle)
      }
      case 'truncate': {
        if (!handle.writes) throw new Refused('EBADF')
        if (operation.size > SIZE_MAX_BYTES) throw new Refused('EINVAL')
        const size = Math.min(operation.size, this.limits.fileMax)
        if (size !== handle.view.length) {
          handle.view = resized(handle.view, size)
          handle.dirty = true
        }
        if (size !== operation.size) throw new Refused('EFBIG')
        return stateOf(handle)
      }
      case 'sync':
        if (handle.failed) throw new Refused('EIO')
        save(handle)
        return stateOf(handle)
      case 'close':
        if (!handle.failed) save(handle)
        this.handles.delete(operation.slot)
        return DONE
      default:
        return DONE
    }
  }

  private open(slot: number, path: string, mode: OpenMode): Outcome {
    const writes = mode.write === true || mode.append === true
    const found = this.find(path)
    if (found === undefined && mode.create !== true) throw new Refused('ENOENT')
    if (found !== undefined && mode.exclusive === true) throw new Refused('EEXIST')
    if (found?.kind === 'directory') throw new Refused('EISDIR')
    const file = this.fileAt(path, found)
    const handle: ModelHandle = {
      file,
      reads: mode.read ?? !writes,
      writes,
      appends: mode.append === true,
      view: file.bytes,
      position: 0,
      dirty: false,
      failed: false,
    }
    if (mode.truncate === true && writes && found !== undefined) {
      handle.view = new Uint8Array(0)
      handle.dirty = true
    }
    this.handles.set(slot, handle)
    return stateOf(handle)
  }

  private rename(from: string, to: string): Outcome {
    const node = this.required(from)
    if (namesOf(from).length === 0) throw new Refused('EINVAL')
    const replaced = this.find(to)
    if (namesOf(to).length === 0) throw new Refused('EINVAL')
    if (replaced === undefined) this.checkNewName(to)
    else if (replaced.kind !== node.kind) {
      throw new Refused(node.kind === 'directory' ? 'ENOTDIR' : 'EISDIR')
    }
    if (node.kind === 'directory' && isBelow(from, to)) throw new Refused('EINVAL')
    if (replaced === node) return DONE
    if (replaced?.kind === 'directory' && replaced.children.size > 0) {
      throw new Refused('ENOTEMPTY')
    }
    if (replaced?.kind === 'file') replaced.removed = true
    this.parentOf(from).children.delete(lastName(from))
    this.parentOf(to).children.set(lastName(to), node)
    return DONE
  }

  private removeTree(path: string): Outcome {
    const node = this.required(path)
    const remove = (at: ModelDirectory, name: string, child: ModelNode) => {
      if (child.kind === 'file') child.removed = true
      else for (const [inner, each] of child.children) remove(child, inner, each)
      at.children.delete(name)
    }
    if (namesOf(path).length > 0) remove(this.parentOf(path), lastName(path), node)
    else for (const [name, child] of this.root.children) remove(this.root, name, child)
    return DONE
  }

  private removeNode(path: string): void {
    const node = this.required(path)
    if (node.kind === 'directory' && node.children.size > 0) throw new Refused('ENOTEMPTY')
    if (node.kind === 'file') node.removed = true
    this.parentOf(path).children.delete(lastName(path))
  }

  private required(path: string): ModelNode {
    const node = this.find(path)
    if (node === undefined) throw new Refused('ENOENT')
    return node
  }

  private findFile(path: string): ModelFile | undefined {
    const node = this.find(path)
    if (node?.kind === 'directory') throw new Refused('EISDIR')
    return node
  }

  /** The file found, or a new and empty one. */
  private fileAt(path: string, found: ModelFile | undefined): ModelFile {
    if (found !== undefined) return found
    this.checkNewName(path)
    const bytes = new Uint8Array(0)
    const history = [bytes]
    const file: ModelFile = { kind: 'file', bytes, history, attributes: new Map(), removed: false }
    this.parentOf(path).children.set(lastName(path), file)
    return file
  }

  private parentOf(path: string): ModelDirectory {
    const parent = this.find(`/${namesOf(path).slice(0, -1).join('/')}`)
    if (parent?.kind !== 'directory') throw new Refused(parent === undefined ? 'ENOENT' : 'ENOTDIR')
    return parent
  }

  private checkNewName(path: string): void {
    const length = new TextEncoder().encode(lastName(path)).length
    if (length > this.limits.nameMax) throw new Refused('ENAMETOOLONG')
  }
}

function save(handle: ModelHandle): void {
  if (!handle.dirty || handle.file.removed) return
  setBytes(handle.file, handle.view)
  handle.dirty = false
}

function setBytes(file: ModelFile, bytes: Uint8Array): void {
  file.bytes = bytes
  file.history.push(bytes)
}

function looksAlike(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.some((byte, i) => byte !== b[i])
}

function stateOf(handle: ModelHandle): Outcome {
  return { size: handle.view.length, position: handle.position }
}

function directory(): ModelDirectory {
  return { kind: 'directory', children: new Map(), attributes: new Map() }
}

function copyInto(from: ModelDirectory, to: ModelDirectory): void {
  for (const [type, bytes] of from.attributes) to.attributes.set(type, bytes)
  for (const [name, child] of from.children) {
    if (child.kind === 'file') {
      to.children.set(name, { ...child, attributes: new Map(child.attributes) })
    } else {
      const copy = directory()
      copyInto(child, copy)
      to.children.set(name, copy)
    }
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

function lastName(path: string): string {
  return namesOf(path).at(-1) ?? ''
}

function isBelow(directoryPath: string, path: string): boolean {
  const above = namesOf(directoryPath)
  const names = namesOf(path)
  return names.length > above.length && above.every((name, i) => name === names[i])
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size)
  result.set(bytes.subarray(0, size))
  return result
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = resized(a, a.length + b.length)
  result.set(b, a.length)
  return result
}
