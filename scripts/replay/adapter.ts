/**
 * The engine's writing API as the operation language needs it: the one place that knows how a
 * recorded operation is called in caravan.
 *
 * Every call is made in its `...Sync` form or in its promise form, by mode.
 */

import type { BlockDevice } from '@caravan/core'
import {
  type FileHandle,
  type FormatOptions,
  type MountOptions,
  type OpenOptions,
  ReferenceFS,
} from '@caravan/littlefs'
import { AsynchronousDevice } from '../golden/littlefs/devices.js'
import * as drive from '../golden/littlefs/mode.js'

/** An open file, in either mode. */
export interface Handle {
  read(length: number): Promise<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
  /** @returns The new position. */
  seek(offset: number, whence: 'set' | 'current' | 'end'): Promise<number>
  truncate(size: number): Promise<void>
  sync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** A mounted filesystem that can be written to, in either mode. */
export interface Volume {
  readonly fs: ReferenceFS
  mkdir(path: string): Promise<void>
  remove(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  setAttribute(path: string, type: number, value: Uint8Array): Promise<void>
  removeAttribute(path: string, type: number): Promise<void>
  getAttribute(path: string, type: number): Promise<Uint8Array>
  stat(path: string): Promise<{ type: 'file' | 'directory' | 'other'; size: number }>
  readdir(path: string): Promise<string[]>
  /** `flags`: letters r w c(reate) x (exclusive) t(runcate) a(ppend). */
  open(path: string, flags: string): Promise<Handle>
  gc(): Promise<void>
  makeConsistent(): Promise<void>
  grow(blockCount: number): Promise<void>
  unmount(): Promise<void>
}

export async function format(
  mode: drive.Mode,
  device: BlockDevice,
  options: FormatOptions,
): Promise<void> {
  if (mode === 'sync') ReferenceFS.formatSync(device, options)
  else await ReferenceFS.format(new AsynchronousDevice(device), options)
}

export async function mountVolume(
  mode: drive.Mode,
  device: BlockDevice,
  options: MountOptions,
): Promise<Volume> {
  const fs = await drive.mount(mode, device, options)
  return mode === 'sync' ? syncVolume(fs) : asyncVolume(fs)
}

function syncVolume(fs: ReferenceFS): Volume {
  return {
    fs,
    mkdir: async (path) => fs.mkdirSync(path),
    remove: async (path) => fs.removeSync(path),
    rename: async (from, to) => fs.renameSync(from, to),
    setAttribute: async (path, type, value) => fs.setAttributeSync(path, type, value),
    removeAttribute: async (path, type) => fs.removeAttributeSync(path, type),
    getAttribute: async (path, type) => fs.getAttributeSync(path, type),
    stat: async (path) => fs.statSync(path),
    readdir: async (path) => fs.readdirSync(path),
    open: async (path, flags) => syncHandle(fs.openSync(path, openOptions(flags))),
    gc: async () => fs.gcSync(),
    makeConsistent: async () => fs.makeConsistentSync(),
    grow: async (blockCount) => fs.growSync(blockCount),
    unmount: async () => fs.unmountSync(),
  }
}

function asyncVolume(fs: ReferenceFS): Volume {
  return {
    fs,
    mkdir: (path) => fs.mkdir(path),
    remove: (path) => fs.remove(path),
    rename: (from, to) => fs.rename(from, to),
    setAttribute: (path, type, value) => fs.setAttribute(path, type, value),
    removeAttribute: (path, type) => fs.removeAttribute(path, type),
    getAttribute: (path, type) => fs.getAttribute(path, type),
    stat: (path) => fs.stat(path),
    readdir: (path) => fs.readdir(path),
    open: async (path, flags) => asyncHandle(await fs.open(path, openOptions(flags))),
    gc: () => fs.gc(),
    makeConsistent: () => fs.makeConsistent(),
    grow: (blockCount) => fs.grow(blockCount),
    unmount: () => fs.unmount(),
  }
}

function openOptions(flags: string): OpenOptions {
  return {
    read: flags.includes('r'),
    write: flags.includes('w'),
    create: flags.includes('c'),
    exclusive: flags.includes('x'),
    truncate: flags.includes('t'),
    append: flags.includes('a'),
  }
}

const ORIGINS = { set: 'start', current: 'current', end: 'end' } as const

function syncHandle(handle: FileHandle): Handle {
  return {
    read: async (length) => {
      const bytes = new Uint8Array(length)
      return bytes.subarray(0, handle.readSync(bytes))
    },
    write: async (bytes) => void handle.writeSync(bytes),
    seek: async (offset, whence) => handle.seek(offset, ORIGINS[whence]),
    truncate: async (size) => handle.truncateSync(size),
    sync: async () => handle.syncSync(),
    size: async () => handle.size,
    close: async () => handle.closeSync(),
  }
}

function asyncHandle(handle: FileHandle): Handle {
  return {
    read: async (length) => {
      const bytes = new Uint8Array(length)
      return bytes.subarray(0, await handle.read(bytes))
    },
    write: async (bytes) => void (await handle.write(bytes)),
    seek: async (offset, whence) => handle.seek(offset, ORIGINS[whence]),
    truncate: (size) => handle.truncate(size),
    sync: () => handle.sync(),
    size: async () => handle.size,
    close: () => handle.close(),
  }
}
