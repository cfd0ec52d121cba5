/**
 * FAT: a boot sector with what every driver checks of it.
 *
 * Source: Microsoft, "FAT: General Overview of On-Disk Format", "Boot Sector and BPB".
 */

import type { Foreign } from './foreign.js'

/** Bytes of a boot sector that are looked at. */
export const BOOT_SECTOR_BYTES = 512

const SECTOR_SIZES = [512, 1024, 2048, 4096]

/** The FAT whose boot sector stands at a place of `bytes`, which begin at `start` of the device. */
export function fatAt(bytes: Uint8Array, at: number, start: number): Foreign | undefined {
  if (at + BOOT_SECTOR_BYTES > bytes.length) return undefined
  if (bytes[at + 510] !== 0x55 || bytes[at + 511] !== 0xaa) return undefined
  const isJump = (bytes[at] === 0xeb && bytes[at + 2] === 0x90) || bytes[at] === 0xe9
  if (!isJump) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BOOT_SECTOR_BYTES)
  const sectorBytes = view.getUint16(11, true)
  const clusterSectors = view.getUint8(13)
  const reservedSectors = view.getUint16(14, true)
  const fatCount = view.getUint8(16)
  const fatSectors = view.getUint16(22, true) || view.getUint32(36, true)
  const sectorCount = view.getUint16(19, true) || view.getUint32(32, true)
  const media = view.getUint8(21)
  const holds =
    SECTOR_SIZES.includes(sectorBytes) &&
    clusterSectors > 0 &&
    (clusterSectors & (clusterSectors - 1)) === 0 &&
    reservedSectors > 0 &&
    (fatCount === 1 || fatCount === 2) &&
    (media === 0xf0 || media >= 0xf8) &&
    fatSectors > 0 &&
    sectorCount > reservedSectors + fatCount * fatSectors
  if (!holds) return undefined
  return {
    kind: 'fat',
    title: 'a FAT filesystem',
    offset: start + at,
    sizeBytes: sectorCount * sectorBytes,
    evidence: ['boot sector (55 AA)', `${sectorCount} sectors of ${sectorBytes} bytes`],
  }
}
