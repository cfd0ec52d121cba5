/**
 * A vast device in little memory: pages come into being where something is programmed, and go where
 * all of them is erased.
 *
 * 1. What was never programmed reads as erased.
 * 2. The bytes are those of a device of `blockSize * blockCount`, whatever the view.
 */

import {
  type BlockDevice,
  checkBlocks,
  checkGeometry,
  checkSpans,
  type Geometry,
  type Span,
} from '@caravan/core'

const PAGE_SIZE_BYTES = 4096

export class SparseMemoryDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = false

  /** @param eraseValue what an erased byte holds. Default 0xff. */
  constructor(
    geometry: Pick<Geometry, 'blockSize' | 'blockCount'> & Partial<Geometry>,
    private readonly eraseValue = 0xff,
    private readonly pages = new Map<number, Uint8Array>(),
  ) {
    this.geometry = { readSize: 1, progSize: 1, ...geometry }
    checkGeometry(this.geometry)
  }

  /** Bytes of the pages that there are. */
  get heldBytes(): number {
    return this.pages.size * PAGE_SIZE_BYTES
  }

  read(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'read', spans)
    for (const { block, offset, bytes } of spans) {
      this.eachPart(block, offset, bytes.length, (key, at, done, length) => {
        const page = this.pages.get(key)
        if (page === undefined) bytes.fill(this.eraseValue, done, done + length)
        else bytes.set(page.subarray(at, at + length), done)
      })
    }
  }

  prog(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'prog', spans)
    for (const { block, offset, bytes } of spans) {
      this.eachPart(block, offset, bytes.length, (key, at, done, length) => {
        let page = this.pages.get(key)
        if (page === undefined) {
          page = new Uint8Array(PAGE_SIZE_BYTES).fill(this.eraseValue)
          this.pages.set(key, page)
        }
        page.set(bytes.subarray(done, done + length), at)
      })
    }
  }

  erase(blocks: readonly number[]): void {
    checkBlocks(this.geometry, blocks)
    for (const block of blocks) {
      this.eachPart(block, 0, this.geometry.blockSize, (key, at, _, length) => {
        if (length === PAGE_SIZE_BYTES) this.pages.delete(key)
        else this.pages.get(key)?.fill(this.eraseValue, at, at + length)
      })
    }
  }

  sync(): void {}

  close(): void {}

  withBlockSize(blockSize: number): BlockDevice {
    const { geometry } = this
    const blockCount = Math.floor((geometry.blockSize * geometry.blockCount) / blockSize)
    return new SparseMemoryDevice(
      { ...geometry, blockSize, blockCount },
      this.eraseValue,
      this.pages,
    )
  }

  /** `part(page, where in it, bytes before, bytes)` for each page that the run of bytes lies on. */
  private eachPart(
    block: number,
    offset: number,
    length: number,
    part: (key: number, at: number, done: number, length: number) => void,
  ): void {
    const start = block * this.geometry.blockSize + offset
    for (let done = 0; done < length; ) {
      const key = Math.floor((start + done) / PAGE_SIZE_BYTES)
      const at = start + done - key * PAGE_SIZE_BYTES
      const size = Math.min(length - done, PAGE_SIZE_BYTES - at)
      part(key, at, done, size)
      done += size
    }
  }
}
