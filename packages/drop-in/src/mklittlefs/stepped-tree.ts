/**
 * A tree in an image that may be too small for it: each step is a change of its own, as on a device, so
 * that the first one that finds no room is known.
 */

import { CaravanError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type BuildOptions, type FileHandle, ReferenceFS } from '@caravan/littlefs'
import { type ImagePath, namesOf, type TargetTree } from './target-tree.js'
import { timeAttributes } from './times.js'

const INLINE_MAX_BYTES = 1022

export class SteppedTree implements TargetTree {
  readonly device: MemoryDevice
  readonly fs: ReferenceFS
  directoryCount = 0
  private current: FileHandle | undefined
  /** Bytes. */
  private readonly inlineMax: number

  constructor(options: BuildOptions & { readonly blockSize: number; readonly blockCount: number }) {
    const { blockSize, blockCount, progSize = 1, cacheSize = progSize } = options
    this.inlineMax = Math.min(cacheSize, Math.floor(blockSize / 8), INLINE_MAX_BYTES)
    this.device = new MemoryDevice({ blockSize, blockCount, progSize, readSize: progSize })
    ReferenceFS.formatSync(this.device, options)
    this.fs = ReferenceFS.mountSync(this.device, options)
  }

  makeDirectory(path: ImagePath): void {
    const place = this.plain(path)
    if (place === undefined) return
    try {
      this.fs.mkdirSync(place)
      this.directoryCount++
    } catch (error) {
      if (!(error instanceof CaravanError)) throw error
    }
  }

  setTime(path: ImagePath, seconds: number): void {
    const place = this.plain(path)
    if (place === undefined) return
    try {
      for (const [type, bytes] of timeAttributes(seconds)) {
        this.fs.setAttributeSync(place, type, bytes)
      }
    } catch (error) {
      // A time for which there is no room does not keep the file out.
      if (!(error instanceof CaravanError)) throw error
    }
  }

  open(path: ImagePath): boolean {
    const place = this.plain(path)
    if (place === undefined) return false
    try {
      this.current = this.fs.openSync(place, { write: true, create: true, truncate: true })
      return true
    } catch (error) {
      if (error instanceof CaravanError) return false
      throw error
    }
  }

  write(content: Uint8Array, sizeBytes: number): number {
    const { freeBlocks, blockSize } = this.fs.dfSync()
    try {
      this.current?.writeSync(content)
      this.current?.closeSync()
      this.current = undefined
      return 0
    } catch (error) {
      if (!(error instanceof CaravanError)) throw error
      // What goes into the metadata fits as long as it stays there.
      const fitting = freeBlocks === 0 ? this.inlineMax : fileBytesIn(freeBlocks, blockSize)
      return Math.max(1, sizeBytes - fitting)
    }
  }

  close(): void {
    const file = this.current
    this.current = undefined
    try {
      file?.closeSync()
    } catch (error) {
      // What was lost was told when it was written.
      if (!(error instanceof CaravanError)) throw error
    }
  }

  /** A path as the library takes it: nothing in it that means another place. */
  private plain(path: ImagePath): Uint8Array | undefined {
    const names = namesOf(path)
    return names && new Uint8Array(Buffer.from(`/${names.join('/')}`, 'latin1'))
  }
}

/**
 * Bytes of a file that so many blocks hold: each but the first begins with its pointers.
 *
 * Source: littlefs DESIGN.md, "CTZ skip-lists".
 */
function fileBytesIn(blockCount: number, blockSize: number): number {
  let sizeBytes = 0
  for (let i = 0; i < blockCount; i++) {
    const pointers = i === 0 ? 0 : 32 - Math.clz32(i & -i)
    sizeBytes += blockSize - 4 * pointers
  }
  return sizeBytes
}
