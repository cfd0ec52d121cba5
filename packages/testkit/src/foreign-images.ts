/**
 * Images of filesystems that caravan does not read, written from their specifications alone: enough of
 * each for a program to know it by.
 */

/** Deterministic bytes without a pattern, as firmware or encrypted data has. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state >>> 11
  }
  return bytes
}

export interface SpiffsSizes {
  readonly blockSize?: number
  readonly pageSize?: number
}

/**
 * An empty SPIFFS, as SPIFFS_format leaves it with SPIFFS_USE_MAGIC_LENGTH: erased blocks whose lookup pages
 * end with the magic and an erase count.
 *
 * Source: SPIFFS, spiffs_nucleus.h.
 */
export function spiffsImage(blockCount: number, sizes: SpiffsSizes = {}): Uint8Array {
  const { blockSize = 4096, pageSize = 256 } = sizes
  const image = new Uint8Array(blockCount * blockSize).fill(0xff)
  const view = new DataView(image.buffer)
  const lookupBytes = (blockSize / pageSize) * 2
  const lookupPages = Math.max(1, Math.floor(lookupBytes / pageSize))
  for (let block = 0; block < blockCount; block++) {
    const end = block * blockSize + lookupPages * pageSize
    const magic = 0x20140529 ^ pageSize ^ (blockCount - block)
    view.setUint16(end - 4, magic & 0xffff, true)
    view.setUint16(end - 2, 0, true)
  }
  return image
}

/**
 * An empty FAT12 of sectors of 4096 bytes, as ESP-IDF formats a partition.
 *
 * Source: Microsoft, "FAT: General Overview of On-Disk Format".
 */
export function fatImage(sectorCount: number, sectorBytes = 4096): Uint8Array {
  const image = new Uint8Array(sectorCount * sectorBytes)
  const view = new DataView(image.buffer)
  image.set([0xeb, 0xfe, 0x90])
  image.set(new TextEncoder().encode('MSDOS5.0'), 3)
  view.setUint16(11, sectorBytes, true)
  view.setUint8(13, 1)
  view.setUint16(14, 1, true)
  view.setUint8(16, 1)
  view.setUint16(17, 512, true)
  view.setUint16(19, sectorCount, true)
  view.setUint8(21, 0xf8)
  view.setUint16(22, 1, true)
  image.set([0x55, 0xaa], 510)
  // The FAT begins with the media byte.
  image.set([0xf8, 0xff, 0xff], sectorBytes)
  return image
}

/**
 * The beginning of a littlefs of version 3: a block that begins with a revision, and a tag of 4 bytes
 * before the magic.
 *
 * Source: littlefs, lfs3.h (LFS3_TAG_MAGIC).
 */
export function littlefs3Image(sizeBytes: number): Uint8Array {
  const image = new Uint8Array(sizeBytes).fill(0xff)
  for (const start of [0, 4096]) {
    image.set([1, 0, 0, 0, 0x81, 0x31, 0x00, 8], start)
    image.set(new TextEncoder().encode('littlefs'), start + 8)
  }
  return image
}

/**
 * An empty littlefs of version 1: the superblock in blocks 0 and 1, and an empty root directory.
 *
 * Source: littlefs, branch v1, SPEC.md.
 */
export function littlefs1Image(blockCount: number, blockSize = 512): Uint8Array {
  const image = new Uint8Array(blockCount * blockSize).fill(0xff)
  for (const block of [0, 1]) {
    const words = [block + 1, 0x34, 2, 3, 0x0800142e, 2, 3, blockSize, blockCount, 0x00010001]
    metadataBlock1(image, block * blockSize, words, 'littlefs')
  }
  for (const block of [2, 3]) {
    metadataBlock1(image, block * blockSize, [block - 1, 20, 0xffffffff, 0xffffffff], '')
  }
  return image
}

function metadataBlock1(
  image: Uint8Array,
  at: number,
  words: readonly number[],
  name: string,
): void {
  const view = new DataView(image.buffer)
  words.forEach((word, i) => {
    view.setUint32(at + 4 * i, word, true)
  })
  const end = at + 4 * words.length + name.length
  image.set(new TextEncoder().encode(name), end - name.length)
  view.setUint32(end, crc32(image.subarray(at, end)), true)
}

/** Reflected, 0xedb88320, without the inversion at the end. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return crc >>> 0
}
