/**
 * What the littlefs checker is asked, and what it answers.
 */

export type FindingCode =
  // the image and its superblocks
  | 'image-size'
  | 'superblock-missing'
  | 'superblock-magic'
  | 'superblock-half'
  | 'superblock-place'
  | 'superblock-struct'
  | 'superblock-version'
  | 'superblock-geometry'
  | 'superblock-limits'
  | 'superblock-chain'
  // metadata logs
  | 'pair-range'
  | 'pair-invalid'
  | 'revision-equal'
  | 'newer-half-invalid'
  | 'torn-commit'
  | 'commit-unaligned'
  | 'commit-overfull'
  | 'fcrc-missing'
  | 'fcrc-mismatch'
  | 'fcrc-malformed'
  | 'fcrc-in-2.0'
  | 'tag-unknown'
  | 'tag-length'
  | 'tag-id'
  | 'id-range'
  | 'id-count'
  // entries
  | 'name-missing'
  | 'name-reassigned'
  | 'name-late'
  | 'name-length'
  | 'name-characters'
  | 'name-order'
  | 'name-duplicate'
  | 'struct-missing'
  | 'struct-kind'
  | 'inline-size'
  | 'attribute-size'
  | 'file-size'
  // data
  | 'ctz-size'
  | 'ctz-range'
  | 'ctz-pointer'
  | 'block-used-twice'
  // the tail list against the tree
  | 'tail-cycle'
  | 'tail-kind'
  | 'directory-shared'
  | 'directory-not-threaded'
  | 'half-orphan'
  | 'orphan'
  | 'orphan-unflagged'
  // global state
  | 'gstate-malformed'
  | 'gstate-orphans'
  | 'gstate-move'
  | 'gstate-move-target'

export type BlockPair = readonly [number, number]

/** One thing that is wrong with an image. `path` is the latin1 reading of the name's bytes. */
export interface Finding {
  readonly code: FindingCode
  readonly block?: number
  readonly pair?: BlockPair
  readonly path?: string
  readonly message: string
}

export interface LittlefsCheckOptions {
  /** Bytes in a block. */
  readonly blockSize: number
  /** Blocks of the device; default: the superblock's count. */
  readonly blockCount?: number
  /**
   * The writer's program size in bytes. Given: commits must end on it, and a 2.1 commit must carry
   * a forward CRC wherever another commit fits. Not given: neither is demanded.
   */
  readonly progSize?: number
  /** What an erased byte of the writer's device reads as. Given: every forward CRC is recomputed. */
  readonly eraseValue?: number
  /** The largest inline file the writer makes, in bytes; default: min(attr_max, blockSize / 8). */
  readonly inlineMax?: number
  /** Accept orphans and half-orphans where the global state announces them (after a power cut). */
  readonly allowOrphans?: boolean
  /** Accept a pending move whose source exists (after a power cut); the source counts as deleted. */
  readonly allowPendingMove?: boolean
  /**
   * Accept a torn commit at the end of a log, and a half that was being written when the power went.
   * Without it the image must come from a device that never lost power and never failed.
   */
  readonly allowTornCommits?: boolean
  /** Accept 2.1 commits without forward CRC: logs that were written before a rise from 2.0. */
  readonly allowMissingForwardCrc?: boolean
}

/** The bytes under check, cut in blocks. A block beyond the image's end is `undefined`. */
export class BlockImage {
  constructor(
    readonly bytes: Uint8Array,
    readonly blockSize: number,
    public blockCount: number,
  ) {}

  block(index: number): Uint8Array | undefined {
    const begin = index * this.blockSize
    if (index >= this.blockCount || begin + this.blockSize > this.bytes.length) return undefined
    return this.bytes.subarray(begin, begin + this.blockSize)
  }
}

export type Report = (
  code: FindingCode,
  message: string,
  where?: Omit<Finding, 'code' | 'message'>,
) => void

export function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export function le32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] |
      (bytes[offset + 1] << 8) |
      (bytes[offset + 2] << 16) |
      (bytes[offset + 3] << 24)) >>>
    0
  )
}

export function pairText(pair: BlockPair): string {
  return `{${pair[0]}, ${pair[1]}}`
}

/** The same text for both orders of a pair: `{a, b}` and `{b, a}` are one pair. */
export function pairKey(pair: BlockPair): string {
  return pair[0] < pair[1] ? `${pair[0]},${pair[1]}` : `${pair[1]},${pair[0]}`
}
