/** Formatting: an empty disk, as the original makes it. */

import { type BlockDevice, type Geometry, MisuseError, type Op, type Span } from '@caravan/core'
import { encodeGenerationLeaf } from './format/generation-leaf.js'
import { encodeHeader, formatIdFrom } from './format/header.js'
import {
  type ChecksumName,
  FIRST_FREE_SECTOR,
  Layout,
  PAGE_BYTES_MAX,
  PAGE_BYTES_MIN,
  ROOT_COUNT,
  SLOTS_PER_ROOT,
} from './format/layout.js'
import { encodeRoot } from './format/root.js'

export interface FormatOptions {
  /** Bytes of a page: a multiple of 256, from 512 to 65536. Default 4096. */
  readonly pageSize?: number
  /** How pages are checked. Default `'ADLER-32'`. */
  readonly checksum?: ChecksumName
  /** Pages of the disk. Default: as many as the device has. */
  readonly pageCount?: number
  /** As of mounting: erases sectors before they are written. Default false. */
  readonly erases?: boolean
}

export const DEFAULT_PAGE_BYTES = 4096
/** Less has no room for a change and the reserve that deleting needs. */
export const PAGE_COUNT_MIN = 64

/** @throws MisuseError `INVALID_ARGUMENT`. */
export function layoutFor(device: Pick<BlockDevice, 'geometry'>, options: FormatOptions): Layout {
  const { pageSize = DEFAULT_PAGE_BYTES, checksum = 'ADLER-32' } = options
  const { blockSize, blockCount }: Geometry = device.geometry
  if (
    !Number.isSafeInteger(pageSize) ||
    pageSize < PAGE_BYTES_MIN ||
    pageSize > PAGE_BYTES_MAX ||
    pageSize % 256 !== 0
  ) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `A page of ${pageSize} bytes: give a multiple of 256, from ${PAGE_BYTES_MIN} to ${PAGE_BYTES_MAX}.`,
    )
  }
  const most = Math.floor((blockSize * blockCount) / pageSize)
  const pageCount = options.pageCount ?? most
  if (!Number.isSafeInteger(pageCount) || pageCount < PAGE_COUNT_MIN || pageCount > most) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `A disk of ${pageCount} pages of ${pageSize} bytes: the device has room for ${most}, and a disk has at least ${PAGE_COUNT_MIN}.`,
    )
  }
  return new Layout(pageSize, pageCount, checksum)
}

/** Makes an empty disk of a device in blocks of a page. */
export function* formatVolume(layout: Layout, erases: boolean): Op<void> {
  const { pageBytes } = layout
  const old = new Uint8Array(pageBytes)
  yield { kind: 'read', spans: [{ block: 0, offset: 0, bytes: old }] }
  const formatId = formatIdFrom(old)
  const span = (block: number, fill: (page: Uint8Array) => void): Span => {
    const bytes = new Uint8Array(pageBytes)
    fill(bytes)
    return { block, offset: 0, bytes }
  }
  const firstSlot = 1 + ROOT_COUNT
  const slots = Array.from({ length: SLOTS_PER_ROOT }, (_, i) => firstSlot + i)
  const leaf = {
    generation: 1,
    freeStart: FIRST_FREE_SECTOR,
    freeQueue: layout.nullPointer,
    freeSectors: layout.pageCount - FIRST_FREE_SECTOR,
    payload: layout.nullPointer,
    isAligned: true,
  }
  const spans = [
    span(0, (page) => page.set(encodeHeader({ layout, formatId }))),
    // The last root is the first in use.
    ...Array.from({ length: ROOT_COUNT }, (_, i) =>
      span(1 + i, (page) =>
        encodeRoot(
          page,
          layout,
          i === ROOT_COUNT - 1 ? { firstGeneration: 1, slots } : { firstGeneration: 0, slots: [] },
          true,
        ),
      ),
    ),
    span(firstSlot, (page) => encodeGenerationLeaf(page, layout, formatId, leaf, true)),
    // What an older disk had here must not be taken for a leaf of this one.
    ...slots.slice(1).map((slot) => span(slot, () => {})),
  ]
  if (erases) yield { kind: 'erase', blocks: spans.map(({ block }) => block) }
  yield { kind: 'prog', spans }
  yield { kind: 'sync' }
}
