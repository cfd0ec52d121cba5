/**
 * A device that behaves as raw flash does, worn blocks included.
 *
 * 1. It knows what is erased. A prog of anything else is an error (`strict`), or clears bits only, as
 *    NOR flash does (`nor`).
 * 2. Every erase is counted. A block erased `wearLimit` times is worn out, and then fails in one of
 *    the five ways of littlefs' own emulation.
 * 3. A request that is refused has done what came before the refused span or block, and nothing of it.
 *
 * Source of the five ways: littlefs bd/lfs_emubd.h, `lfs_emubd_badblock_behavior`.
 */

import {
  type BlockDevice,
  checkBlocks,
  checkGeometry,
  checkSpans,
  DeviceError,
  type Geometry,
  MisuseError,
  type Span,
} from '@caravan/core'

/** How a block is bad. The last two say nothing: they answer, and change nothing. */
export const BAD_BLOCK_WAYS = [
  'prog fails',
  'erase fails',
  'read fails',
  'prog does nothing',
  'erase does nothing',
] as const

export type BadBlockWay = (typeof BAD_BLOCK_WAYS)[number]

export interface FlashDeviceOptions extends Geometry {
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number
  /**
   * What a prog of a unit that is not erased does. `strict`: it throws `NOT_ERASED`; `nor`: the unit
   * holds the AND of both; `overwrite`: it holds the new bytes. Default `strict`.
   */
  readonly mode?: 'strict' | 'nor' | 'overwrite'
  /** Erases after which a block is worn out. Default: never. */
  readonly wearLimit?: number
  /** How worn blocks fail: one way for all, or that of each block. Default `prog fails`. */
  readonly wornWay?: BadBlockWay | ((block: number) => BadBlockWay)
}

export class FlashDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = false
  readonly bytes: Uint8Array
  /** Erases of each block so far, up to `wearLimit`; those that failed are not counted. */
  readonly wear: Uint32Array
  /** Of each program unit: 1 where it may be programmed. */
  private readonly erased: Uint8Array
  private readonly eraseValue: number
  private readonly mode: 'strict' | 'nor' | 'overwrite'
  private readonly wearLimit: number
  private readonly wornWay: (block: number) => BadBlockWay
  private readonly bad = new Map<number, BadBlockWay>()

  /** @throws MisuseError `INVALID_ARGUMENT` for sizes or limits that no device can have. */
  constructor(options: FlashDeviceOptions) {
    const { blockSize, blockCount, readSize, progSize, eraseValue = 0xff } = options
    const { mode = 'strict', wearLimit = Number.POSITIVE_INFINITY } = options
    const { wornWay = 'prog fails' } = options
    this.geometry = { blockSize, blockCount, readSize, progSize }
    checkGeometry(this.geometry)
    if (!(wearLimit >= 1)) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `wearLimit is ${wearLimit}: give a number of erases of 1 or more.`,
      )
    }
    if (mode === 'nor' && eraseValue !== 0xff) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `eraseValue is ${eraseValue}, and NOR flash erases to 255: give that, or another mode.`,
      )
    }
    this.eraseValue = eraseValue
    this.mode = mode
    this.wearLimit = wearLimit
    this.wornWay = typeof wornWay === 'function' ? wornWay : () => wornWay
    this.bytes = new Uint8Array(blockSize * blockCount).fill(eraseValue)
    this.erased = new Uint8Array((blockSize * blockCount) / progSize).fill(1)
    this.wear = new Uint32Array(blockCount)
  }

  /** Makes a block bad from now on, or good again (`undefined`), whatever its wear. */
  setBad(block: number, way: BadBlockWay | undefined): void {
    checkBlocks(this.geometry, [block])
    if (way === undefined) this.bad.delete(block)
    else this.bad.set(block, way)
  }

  /** How a block is bad; `undefined` for a good one. */
  badWay(block: number): BadBlockWay | undefined {
    return this.bad.get(block)
  }

  get badBlockCount(): number {
    return this.bad.size
  }

  /** Turns bits over, as rot does: nobody is told. */
  flipBit(block: number, offset: number, bit: number): void {
    const at = block * this.geometry.blockSize + offset
    this.bytes[at] = (this.bytes[at] as number) ^ (1 << bit)
  }

  /** @throws DeviceError `BAD_BLOCK`, `OUT_OF_RANGE`, `MISALIGNED`. */
  read(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'read', spans)
    for (const { block, offset, bytes } of spans) {
      if (this.bad.get(block) === 'read fails') throw badBlock('read', block)
      const at = block * this.geometry.blockSize + offset
      bytes.set(this.bytes.subarray(at, at + bytes.length))
    }
  }

  /** @throws DeviceError `NOT_ERASED`, `BAD_BLOCK`, `OUT_OF_RANGE`, `MISALIGNED`. */
  prog(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'prog', spans)
    for (const span of spans) {
      const way = this.bad.get(span.block)
      if (way === 'prog fails') throw badBlock('prog', span.block)
      if (way === 'prog does nothing') continue
      this.progSpan(span, way === 'erase does nothing')
    }
  }

  /** @throws DeviceError `BAD_BLOCK`, `OUT_OF_RANGE`. */
  erase(blocks: readonly number[]): void {
    checkBlocks(this.geometry, blocks)
    const { blockSize, progSize } = this.geometry
    for (const block of blocks) {
      if ((this.wear[block] as number) >= this.wearLimit && !this.bad.has(block)) {
        this.bad.set(block, this.wornWay(block))
      }
      const way = this.bad.get(block)
      if (way === 'erase fails') throw badBlock('erase', block)
      if ((this.wear[block] as number) < this.wearLimit) {
        this.wear[block] = (this.wear[block] as number) + 1
      }
      if (way === 'erase does nothing' || way === 'prog does nothing') continue
      const [begin, end] = [block * blockSize, (block + 1) * blockSize]
      this.bytes.fill(this.eraseValue, begin, end)
      this.erased.fill(1, begin / progSize, end / progSize)
    }
  }

  sync(): void {}

  close(): void {}

  /** @param isStuck where erases did nothing, what is not erased takes what bits it can */
  private progSpan({ block, offset, bytes }: Span, isStuck: boolean): void {
    const { blockSize, progSize } = this.geometry
    const at = block * blockSize + offset
    for (let done = 0; done < bytes.length; done += progSize) {
      const unit = (at + done) / progSize
      const isErased = this.erased[unit] === 1
      if (!isErased && this.mode === 'strict' && !isStuck) {
        throw new DeviceError(
          'NOT_ERASED',
          `A prog of block ${block}, offset ${offset + done}: this unit was not erased since it was programmed.`,
          { request: 'prog', block, offset: offset + done, length: progSize },
        )
      }
      const clearsOnly = !isErased && (this.mode === 'nor' || isStuck)
      for (let i = done; i < done + progSize; i++) {
        const old = clearsOnly ? (this.bytes[at + i] as number) : 0xff
        this.bytes[at + i] = (bytes[i] as number) & old
      }
      this.erased[unit] = 0
    }
  }
}

function badBlock(request: 'read' | 'prog' | 'erase', block: number): DeviceError {
  const message = `A ${request} of block ${block} failed: the block is worn out.`
  return new DeviceError('BAD_BLOCK', message, { request, block })
}
