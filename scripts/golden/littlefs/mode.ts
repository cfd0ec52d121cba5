/**
 * The two ways to drive the engine, behind one asynchronous face, so that what is judged is said
 * once: `sync` calls the `...Sync` form of every method, `async` the promise form on a device that
 * never answers at once.
 */

import type { BlockDevice } from '@caravan/core'
import { type MountOptions, ReferenceFS, type WalkEntry } from '@caravan/littlefs'
import { AsynchronousDevice } from './devices.js'

export const MODES = ['sync', 'async'] as const
export type Mode = (typeof MODES)[number]

export async function mount(
  mode: Mode,
  device: BlockDevice,
  options: MountOptions,
): Promise<ReferenceFS> {
  return mode === 'sync'
    ? ReferenceFS.mountSync(device, options)
    : ReferenceFS.mount(new AsynchronousDevice(device), options)
}

export function walk(mode: Mode, fs: ReferenceFS): Iterable<WalkEntry> | AsyncIterable<WalkEntry> {
  return mode === 'sync' ? fs.walkSync() : fs.walk()
}

export async function getAttributes(
  mode: Mode,
  fs: ReferenceFS,
  path: Uint8Array,
): Promise<ReadonlyMap<number, Uint8Array>> {
  return mode === 'sync' ? fs.getAttributesSync(path) : fs.getAttributes(path)
}

export async function readFile(mode: Mode, fs: ReferenceFS, path: Uint8Array): Promise<Uint8Array> {
  return mode === 'sync' ? fs.readFileSync(path) : fs.readFile(path)
}

export function readFileInPieces(
  mode: Mode,
  fs: ReferenceFS,
  path: Uint8Array,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  return mode === 'sync' ? fs.readFileInPiecesSync(path) : fs.readFileInPieces(path)
}

export async function readdir(
  mode: Mode,
  fs: ReferenceFS,
  path: Uint8Array,
): Promise<Uint8Array[]> {
  const options = { encoding: 'buffer' } as const
  return mode === 'sync' ? fs.readdirSync(path, options) : fs.readdir(path, options)
}

export async function stat(
  mode: Mode,
  fs: ReferenceFS,
  path: Uint8Array | string,
): Promise<{ readonly type: 'file' | 'directory' | 'other'; readonly size: number }> {
  return mode === 'sync' ? fs.statSync(path) : fs.stat(path)
}

/** Blocks in use, by {@link ReferenceFS.df}; `blockUse()` must name as many. */
export async function usedBlocks(mode: Mode, fs: ReferenceFS): Promise<number> {
  const df = mode === 'sync' ? fs.dfSync() : await fs.df()
  const use = mode === 'sync' ? fs.blockUseSync() : await fs.blockUse()
  const blocks = new Set(use.map(({ block }) => block))
  if (blocks.size !== use.length) throw new Error('blockUse() names a block twice')
  if (blocks.size !== df.usedBlocks) {
    throw new Error(`df() counts ${df.usedBlocks} used blocks, blockUse() names ${blocks.size}`)
  }
  return df.usedBlocks
}

export async function unmount(mode: Mode, fs: ReferenceFS): Promise<void> {
  return mode === 'sync' ? fs.unmountSync() : fs.unmount()
}
