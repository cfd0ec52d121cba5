/**
 * Images as values: made from entries, planned before, taken apart again. Without a file, a process
 * or a browser in sight: whatever gives entries can be packed, whatever takes them unpacked.
 */

import {
  type BlockDevice,
  checkBlocks,
  checkGeometry,
  checkSpans,
  type Geometry,
  type Span,
} from '@caravan/core'
import type { FormatOptions } from './format-volume.js'
import { type EntryTimes, type ExtractedEntry, type ImageEntry, timedEntry } from './image-entry.js'
import { BLOCK_SIZE_DEFAULT_BYTES, type ImagePlan, ImagePlanner } from './image-plan.js'
import { LittleFS } from './littlefs.js'
import type { MountOptions } from './mount.js'

/** An image's geometry, beside what formatting takes. */
export interface BuildOptions extends FormatOptions, EntryTimes {
  /** Bytes. Default 4096. */
  readonly blockSize?: number
  /** What the device that will use it programs at least, in bytes. Default 1. */
  readonly progSize?: number
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number
}

export type ImageEntries = Iterable<ImageEntry> | AsyncIterable<ImageEntry>

/**
 * Makes an image that holds the entries, `blockCount` blocks long. Same entries in the same order
 * give the same bytes.
 *
 * @throws FsError `ENOSPC` where they do not fit ({@link planImage} says by how much),
 *   `ENAMETOOLONG`, `EFBIG`, `EISDIR`, `ENOTDIR`; MisuseError `INVALID_ARGUMENT`.
 */
export async function buildImage(
  entries: ImageEntries,
  options: BuildOptions & { readonly blockCount: number },
): Promise<Uint8Array> {
  const { blockSize = BLOCK_SIZE_DEFAULT_BYTES, blockCount, progSize = 1 } = options
  const device = new ImageBytes(
    { blockSize, blockCount, readSize: 1, progSize },
    options.eraseValue ?? 0xff,
  )
  LittleFS.formatSync(device, options)
  // A fresh image has no wear to spread.
  const fs = LittleFS.mountSync(device, { ...options, blockSize, blockCycles: -1, times: 'none' })
  await fs.addTree(timed(entries, options))
  fs.unmountSync()
  return device.bytes
}

/** With times as the options say: a filesystem that is empty has no dialect to go by. */
async function* timed(entries: ImageEntries, times: EntryTimes) {
  for await (const entry of entries) yield timedEntry(entry, times)
}

/**
 * What {@link buildImage} would use. Only the size of streams is asked for, nothing is read. A file that is
 * given twice counts twice: while it is built, there are both.
 */
export async function planImage(entries: ImageEntries, options: BuildOptions): Promise<ImagePlan> {
  const planner = new ImagePlanner(options)
  for await (const entry of entries) planner.add(entry)
  return planner.finish()
}

/**
 * Everything in an image, a directory before what is in it.
 *
 * @throws as `LittleFS.mount`; FormatError where a directory cannot be listed.
 */
export async function* extractEntries(
  device: BlockDevice,
  options: MountOptions = {},
): AsyncGenerator<ExtractedEntry, void, void> {
  const fs = await LittleFS.mount(device, { ...options, readOnly: true })
  for await (const entry of fs.walk()) {
    if (entry.error !== undefined) throw entry.error
    const { path, pathBytes, type, size, attributes } = entry
    const stream = () => fs.readEntryInPieces(entry)
    yield { path, pathBytes, type, size, attributes, stream }
  }
}

/** The bytes of an image to be, as a device. */
export class ImageBytes implements BlockDevice {
  readonly readOnly = false
  readonly bytes: Uint8Array

  constructor(
    readonly geometry: Geometry,
    private readonly eraseValue: number,
  ) {
    checkGeometry(geometry)
    this.bytes = new Uint8Array(geometry.blockSize * geometry.blockCount).fill(eraseValue)
  }

  read(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'read', spans)
    for (const { block, offset, bytes } of spans) {
      const at = block * this.geometry.blockSize + offset
      bytes.set(this.bytes.subarray(at, at + bytes.length))
    }
  }

  prog(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'prog', spans)
    for (const { block, offset, bytes } of spans) {
      this.bytes.set(bytes, block * this.geometry.blockSize + offset)
    }
  }

  erase(blocks: readonly number[]): void {
    checkBlocks(this.geometry, blocks)
    const { blockSize } = this.geometry
    for (const block of blocks) {
      this.bytes.fill(this.eraseValue, block * blockSize, (block + 1) * blockSize)
    }
  }

  sync(): void {}

  close(): void {}
}
