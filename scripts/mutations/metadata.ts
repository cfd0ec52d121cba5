/**
 * Takes metadata blocks apart and puts them together again with valid checksums, so that damage can
 * be put behind them. Written from littlefs' SPEC.md alone; shares no code with the engine.
 */

/** CRC-32, polynomial 0x04c11db7 reflected, starting with all ones, not inverted at the end. */
export function crc32(bytes: Uint8Array, crc = 0xffffffff): number {
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number)
  }
  return crc >>> 0
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** An entry, its tag as it is before the XOR with the one before it. */
export interface Entry {
  readonly tag: number
  readonly data: Uint8Array
}

/** What stands between two checksums. */
export interface Commit {
  readonly entries: readonly Entry[]
  /** First byte within the block; the revision count belongs to the first commit. */
  readonly begin: number
  /** First byte of the tag that holds the checksum. */
  readonly crcTagAt: number
  /** Chunk of that tag: the lowest bit is the valid bit of what follows. */
  readonly crcChunk: number
  /** First byte after the padding. */
  readonly end: number
}

const REVISION_SIZE = 4
const TAG_SIZE = 4
const CRC_SIZE = 4
const KIND_CRC = 5
/** Of a checksum's chunk: from here on it ends no commit (0xff is the forward CRC) but is an entry. */
const CHUNK_NO_END = 0x80
const DELETED = 0x3ff

/** Of a tag that belongs to no entry. */
export const NO_ID = 0x3ff

/** A tag, and what stands behind it. */
export function tagged(type: number, id: number, data: readonly number[]): Entry {
  return { tag: ((type << 20) | (id << 10) | data.length) >>> 0, data: Uint8Array.from(data) }
}

/** Numbers as four bytes each, little-endian. */
export function words(...values: readonly number[]): number[] {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true)
  })
  return [...bytes]
}

export const lengthOf = (tag: number) => ((tag & 0x3ff) === DELETED ? 0 : tag & 0x3ff)

/** The valid commits of a block, as far as their checksums hold. */
export function decodeCommits(block: Uint8Array): Commit[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const commits: Commit[] = []
  let previous = 0xffffffff
  let begin = 0
  let at = REVISION_SIZE
  let entries: Entry[] = []
  while (at + TAG_SIZE <= block.length) {
    const tag = (view.getUint32(at) ^ previous) >>> 0
    const end = at + TAG_SIZE + lengthOf(tag)
    if (tag >>> 31 === 1 || end > block.length) break
    previous = tag
    const chunk = (tag >>> 20) & 0xff
    if (tag >>> 28 === KIND_CRC && chunk < CHUNK_NO_END) {
      const checked = at + TAG_SIZE
      if (end < checked + CRC_SIZE) break
      if (crc32(block.subarray(begin, checked)) !== view.getUint32(checked, true)) break
      commits.push({ entries, begin, crcTagAt: at, crcChunk: chunk, end })
      previous = (previous ^ ((chunk & 1) << 31)) >>> 0
      entries = []
      begin = end
    } else {
      entries.push({ tag, data: block.slice(at + TAG_SIZE, end) })
    }
    at = end
  }
  return commits
}

/**
 * Writes commits where they stood, with other entries and new checksums.
 *
 * @returns False where they no longer fit; the block is then half written.
 */
export function encodeCommits(block: Uint8Array, commits: readonly Commit[]): boolean {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  let previous = 0xffffffff
  for (const { entries, begin, crcChunk, end } of commits) {
    let at = begin === 0 ? REVISION_SIZE : begin
    for (const { tag, data } of entries) {
      if (at + TAG_SIZE + data.length + TAG_SIZE + CRC_SIZE > end) return false
      view.setUint32(at, tag ^ previous)
      block.set(data, at + TAG_SIZE)
      previous = tag
      at += TAG_SIZE + data.length
    }
    const length = end - at - TAG_SIZE
    if (length < CRC_SIZE || length >= DELETED) return false
    const tag = ((KIND_CRC << 28) | (crcChunk << 20) | (0x3ff << 10) | length) >>> 0
    view.setUint32(at, tag ^ previous)
    const checked = at + TAG_SIZE
    view.setUint32(checked, crc32(block.subarray(begin, checked)), true)
    previous = (tag ^ ((crcChunk & 1) << 31)) >>> 0
  }
  return true
}

/**
 * Writes a log of commits into an erased block, each with a good checksum and no forward CRC; entries
 * that no longer fit are left out.
 */
export function encodeLog(
  block: Uint8Array,
  revision: number,
  commits: readonly (readonly Entry[])[],
): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  block.fill(0xff)
  view.setUint32(0, revision, true)
  let previous = 0xffffffff
  let begin = 0
  let at = REVISION_SIZE
  for (const entries of commits) {
    for (const { tag, data } of entries) {
      if (at + TAG_SIZE + data.length + TAG_SIZE + CRC_SIZE > block.length) continue
      view.setUint32(at, tag ^ previous)
      block.set(data, at + TAG_SIZE)
      previous = tag
      at += TAG_SIZE + data.length
    }
    if (at + TAG_SIZE + CRC_SIZE > block.length) return
    const isLast = at + 2 * (TAG_SIZE + CRC_SIZE) > block.length
    const length = isLast ? block.length - at - TAG_SIZE : CRC_SIZE
    const tag = ((KIND_CRC << 28) | (0x3ff << 10) | length) >>> 0
    view.setUint32(at, tag ^ previous)
    view.setUint32(at + TAG_SIZE, crc32(block.subarray(begin, at + TAG_SIZE)), true)
    previous = tag
    at += TAG_SIZE + length
    begin = at
  }
}

/** Makes the checksum of a commit fit its bytes as they are. */
export function repairChecksum(block: Uint8Array, { begin, crcTagAt }: Commit): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const checked = crcTagAt + TAG_SIZE
  view.setUint32(checked, crc32(block.subarray(begin, checked)), true)
}
