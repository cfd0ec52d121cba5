/**
 * Layout: the sizes that follow from a device and its header, and how numbers, sector ids and
 * pointers are written. Little-endian, packed, unaligned.
 *
 * A *pointer* is the id of a page and the checksum of all its bytes. The null pointer has id 0 and
 * the checksum of no bytes at all.
 */

import { ADLER32_INITIAL, adler32 } from './adler32.js'
import { fillUnused } from './filler.js'

/** How pages are checked. The names are those of the header. */
export type ChecksumName = 'ADLER-32' | 'NO-CHECK'

export interface Pointer {
  /** 0: null. */
  readonly id: number
  readonly checksum: number
}

/** The smallest page, and the largest: a leaf counts its bytes in 16 bits. */
export const PAGE_BYTES_MIN = 512
export const PAGE_BYTES_MAX = 65_536

/** No tree of pages is higher: each level has a multiple of the pages of the one above. */
export const HEIGHT_MAX = 64

export const ROOT_COUNT = 4
export const SLOTS_PER_ROOT = 8
/** Sectors used by a fresh disk: the header, the roots, and the slots of the first root. */
export const FIRST_FREE_SECTOR = 1 + ROOT_COUNT + SLOTS_PER_ROOT

/** Bytes of a sector id, by how many binary digits the number of sectors has. */
function idBytesFor(pageCount: number): 1 | 2 | 4 | 8 {
  if (pageCount < 2 ** 8) return 1
  if (pageCount < 2 ** 16) return 2
  return pageCount < 2 ** 32 ? 4 : 8
}

export class Layout {
  readonly idBytes: 1 | 2 | 4 | 8
  readonly checksumBytes: 0 | 4
  readonly pointerBytes: number
  readonly nullPointer: Pointer
  /** Bytes of content in a rope's leaf, children in its branch. */
  readonly ropeLeafBytes: number
  readonly ropeBranchChildren: number
  /** Runs in a leaf of the free queue, children in its branch. */
  readonly queueLeafRuns: number
  readonly queueBranchChildren: number

  constructor(
    readonly pageBytes: number,
    readonly pageCount: number,
    readonly checksumName: ChecksumName,
  ) {
    this.idBytes = idBytesFor(pageCount)
    this.checksumBytes = checksumName === 'ADLER-32' ? 4 : 0
    this.pointerBytes = this.idBytes + this.checksumBytes
    this.nullPointer = { id: 0, checksum: this.isChecked ? ADLER32_INITIAL : 0 }
    this.ropeLeafBytes = Math.min(pageBytes - 4, 0xffff)
    this.ropeBranchChildren = Math.floor((pageBytes - 4) / (4 + this.pointerBytes))
    this.queueLeafRuns = Math.floor((pageBytes - 3) / (this.idBytes + 4))
    this.queueBranchChildren = Math.floor((pageBytes - 3) / this.pointerBytes)
  }

  get isChecked(): boolean {
    return this.checksumBytes > 0
  }

  /** Of a whole page; 0 where pages are not checked. */
  checksum(page: Uint8Array): number {
    return this.isChecked ? adler32(page) : 0
  }

  /** @returns more than 2^53 is not exact, and no page of any device. */
  readId(bytes: Uint8Array, at: number): number {
    switch (this.idBytes) {
      case 1:
        return bytes[at] as number
      case 2:
        return readU16(bytes, at)
      case 4:
        return readU32(bytes, at)
      default:
        return readU64(bytes, at)
    }
  }

  writeId(bytes: Uint8Array, at: number, id: number): void {
    if (this.idBytes === 1) bytes[at] = id
    else if (this.idBytes === 2) writeU16(bytes, at, id)
    else if (this.idBytes === 4) writeU32(bytes, at, id)
    else writeU64(bytes, at, id)
  }

  readPointer(bytes: Uint8Array, at: number): Pointer {
    const id = this.readId(bytes, at)
    return { id, checksum: this.isChecked ? readU32(bytes, at + this.idBytes) : 0 }
  }

  writePointer(bytes: Uint8Array, at: number, id: number, checksum: number): void {
    this.writeId(bytes, at, id)
    if (this.isChecked) writeU32(bytes, at + this.idBytes, checksum)
  }

  /**
   * True where the last bytes of a header, root or generation leaf hold its checksum: taken of the
   * page with that field at the initial value.
   */
  hasOwnChecksum(page: Uint8Array): boolean {
    if (!this.isChecked) return true
    return readU32(page, this.pageBytes - 4) === ownChecksum(page)
  }

  /** Fills what such a page leaves unused, where a torn one is told by its checksum. */
  fillUnused(page: Uint8Array, from: number): void {
    if (this.isChecked) fillUnused(page, from, this.pageBytes - 4)
  }

  /** Puts it there. */
  sealOwnChecksum(page: Uint8Array): void {
    if (this.isChecked) writeU32(page, this.pageBytes - 4, ownChecksum(page))
  }
}

const INITIAL_FIELD = Uint8Array.of(ADLER32_INITIAL, 0, 0, 0)

function ownChecksum(page: Uint8Array): number {
  return adler32(INITIAL_FIELD, adler32(page.subarray(0, page.length - 4)))
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * 2 ** 32
}

export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value % 2 ** 32)
  writeU32(bytes, at + 4, Math.floor(value / 2 ** 32))
}
