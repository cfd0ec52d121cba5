/**
 * The engine's writing API as the operation language needs it: the one place that knows how a
 * recorded operation is called in caravan.
 *
 * Every call is made in its `...Sync` form or in its promise form, by mode: both take the same
 * arguments.
 */

import type { BlockDevice } from '@caravan/core'
import { LittleFS, type MountOptions } from '@caravan/littlefs'
import { AsynchronousDevice } from '../golden/littlefs/devices.js'
import * as drive from '../golden/littlefs/mode.js'

/** What formatting takes; the device gives block, read and program size. */
export type FormatOptions = MountOptions

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
  readonly fs: LittleFS
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

/** False while the engine only reads. */
export const canWrite = typeof Reflect.get(LittleFS.prototype, 'makeConsistentSync') === 'function'

export async function format(
  mode: drive.Mode,
  device: BlockDevice,
  options: FormatOptions,
): Promise<void> {
  await call(
    LittleFS,
    mode,
    'format',
    mode === 'sync' ? device : new AsynchronousDevice(device),
    options,
  )
}

export async function mountVolume(
  mode: drive.Mode,
  device: BlockDevice,
  options: MountOptions,
): Promise<Volume> {
  return volumeOf(mode, await drive.mount(mode, device, options))
}

function volumeOf(mode: drive.Mode, fs: LittleFS): Volume {
  const ask = (method: string, ...args: unknown[]) => call(fs, mode, method, ...args)
  return {
    fs,
    mkdir: async (path) => void (await ask('mkdir', path)),
    remove: async (path) => void (await ask('remove', path)),
    rename: async (from, to) => void (await ask('rename', from, to)),
    setAttribute: async (path, type, value) => void (await ask('setAttribute', path, type, value)),
    removeAttribute: async (path, type) => void (await ask('removeAttribute', path, type)),
    getAttribute: async (path, type) => (await ask('getAttribute', path, type)) as Uint8Array,
    stat: (path) => drive.stat(mode, fs, path),
    readdir: async (path) => (await ask('readdir', path)) as string[],
    open: async (path, flags) => handleOf(mode, (await ask('open', path, flags)) as object),
    gc: async () => void (await ask('gc')),
    makeConsistent: async () => void (await ask('makeConsistent')),
    grow: async (blockCount) => void (await ask('grow', blockCount)),
    unmount: () => drive.unmount(mode, fs),
  }
}

function handleOf(mode: drive.Mode, handle: object): Handle {
  const ask = (method: string, ...args: unknown[]) => call(handle, mode, method, ...args)
  return {
    read: async (length) => (await ask('read', length)) as Uint8Array,
    write: async (bytes) => void (await ask('write', bytes)),
    seek: async (offset, whence) => (await ask('seek', offset, whence)) as number,
    truncate: async (size) => void (await ask('truncate', size)),
    sync: async () => void (await ask('sync')),
    size: async () => (await ask('size')) as number,
    close: async () => void (await ask('close')),
  }
}

/** Calls `method`, or its `...Sync` form. */
async function call(
  target: object,
  mode: drive.Mode,
  method: string,
  ...args: unknown[]
): Promise<unknown> {
  const name = mode === 'sync' ? `${method}Sync` : method
  const found: unknown = Reflect.get(target, name)
  if (typeof found !== 'function') throw new TypeError(`caravan has no ${name}()`)
  return Reflect.apply(found, target, args)
}
