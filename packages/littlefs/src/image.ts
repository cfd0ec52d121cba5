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
  MisuseError,
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
 * @param options with `into`, bytes of the image's length, it is made there, whatever they held: new
 *   memory costs more than packing into it.
 * @throws FsError `ENOSPC` where they do not fit ({@link planImage} says by how much),
 *   `ENAMETOOLONG`, `EFBIG`, `EISDIR`, `ENOTDIR`; MisuseError `INVALID_ARGUMENT`.
 */
export async function buildImage(
  entries: ImageEntries,
  options: BuildOptions & { readonly blockCount: number; readonly into?: Uint8Array },
): Promise<Uint8Array> {
  const { blockSize = BLOCK_SIZE_DEFAULT_BYTES, blockCount, progSize = 1 } = options
  const device = new ImageBytes(
    { blockSize, blockCount, readSize: 1, progSize },
    options.eraseValue ?? 0xff,
    options.into,
  )
  LittleFS.formatSync(device, options)
  // A fresh image has no wear to spread.
  const fs = LittleFS.mountSync(device, { ...options, blockSize, blockCycles: -1, times: 'none' })
  await fs.addTree(timed(entries, options))
  fs.unmountSync()
  return device.bytes
}

/** With times as the options say: a filesystem that is empty has no dialect to go by. */
function timed(entries: ImageEntries, times: EntryTimes): ImageEntries {
  return Symbol.iterator in entries ? timedNow(entries, times) : timedLater(entries, times)
}

function* timedNow(entries: Iterable<ImageEntry>, times: EntryTimes) {
  for (const entry of entries) yield timedEntry(entry, times)
}

async function* timedLater(entries: AsyncIterable<ImageEntry>, times: EntryTimes) {
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
  readonly isFaithful = true
  readonly bytes: Uint8Array
  /** By block, 1 where something was programmed since it was erased. */
  private readonly isProgrammed: Uint8Array

  constructor(
    readonly geometry: Geometry,
    private readonly eraseValue: number,
    into?: Uint8Array,
  ) {
    checkGeometry(geometry)
    const length = geometry.blockSize * geometry.blockCount
    if (into !== undefined && into.length !== length) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `The bytes to make the image in are ${into.length}, and it has ${length}: give as many.`,
      )
    }
    this.bytes = (into ?? new Uint8Array(length)).fill(eraseValue)
    this.isProgrammed = new Uint8Array(geometry.blockCount)
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
      this.isProgrammed[block] = 1
    }
  }

  erase(blocks: readonly number[]): void {
    checkBlocks(this.geometry, blocks)
    const { blockSize } = this.geometry
    for (const block of blocks) {
      if (this.isProgrammed[block] === 0) continue
      this.bytes.fill(this.eraseValue, block * blockSize, (block + 1) * blockSize)
      this.isProgrammed[block] = 0
    }
  }

  sync(): void {}

  close(): void {}
}
