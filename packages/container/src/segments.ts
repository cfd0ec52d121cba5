/**
 * Segments: bytes with the address at which they go into a device's memory, as UF2 and Intel HEX have
 * them, and the regions of memory that they make.
 */

import { FormatError } from '@caravan/core'

export interface Segment {
  /** Of its first byte. */
  readonly address: number
  readonly bytes: Uint8Array
}

/** A run of memory: segments that lie near each other, and what fills the gaps between them. */
export interface Region {
  readonly address: number
  readonly bytes: Uint8Array
}

/** What erased flash reads as, and so what a file that leaves a gap means by it. */
const ERASED = 0xff

/** Beyond it another memory begins: nRF files hold flash at 0 and UICR at 0x10001000. */
const GAP_MAX_BYTES = 16 * 1024 * 1024

/** More than the largest flash; a small file whose gaps come to more was made to fill the memory. */
const SIZE_MAX_BYTES = 1024 * 1024 * 1024

/**
 * The segments as regions of memory, by address. Gaps up to 16 MiB are filled with 0xff; where
 * segments overlap, the later one stands, as in a device that is flashed with them.
 *
 * @param maxBytes how many bytes all regions may have together. Default 1 GiB.
 * @throws FormatError `TOO_LARGE`.
 */
export function regionsOf(segments: readonly Segment[], maxBytes = SIZE_MAX_BYTES): Region[] {
  const ordered = segments
    .filter(({ bytes }) => bytes.length > 0)
    .sort((a, b) => a.address - b.address)
  const runs: { start: number; end: number }[] = []
  for (const { address, bytes } of ordered) {
    const end = address + bytes.length
    const last = runs[runs.length - 1]
    if (last !== undefined && address - last.end <= GAP_MAX_BYTES)
      last.end = Math.max(last.end, end)
    else runs.push({ start: address, end })
  }
  const sizeBytes = runs.reduce((sum, { start, end }) => sum + end - start, 0)
  if (sizeBytes > maxBytes) {
    throw new FormatError(
      'TOO_LARGE',
      `What this file writes lies spread over ${sizeBytes} bytes of memory, and at most ${maxBytes} are taken. Check that it is the image of one flash.`,
      { structure: 'addresses' },
    )
  }
  const regions = runs.map(({ start, end }) => ({
    address: start,
    bytes: new Uint8Array(end - start).fill(ERASED),
  }))
  // In the order of the file: the later one overwrites.
  for (const { address, bytes } of segments) {
    const region = regions.find(
      (each) => address >= each.address && address < each.address + each.bytes.length,
    )
    region?.bytes.set(bytes, address - region.address)
  }
  return regions
}
