/**
 * Volumes as chamelon writes them, states of its faults included: a writer for tests, made from the
 * description of the format alone and sharing nothing with the reader.
 */

const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

export type Tag = readonly [type: number, id: number, data: Uint8Array]

const PROGRAM_SIZE = 16

export class ChamelonImage {
  readonly bytes: Uint8Array
  private readonly pairs = new Map<number, { revision: number; commits: Tag[][] }>()
  private ps = 1_000_000_000_000n

  constructor(
    readonly blockSize: number,
    readonly blockCount: number,
  ) {
    this.bytes = new Uint8Array(blockSize * blockCount)
    this.commit(0, [
      [0x0ff, 0, new TextEncoder().encode('littlefs')],
      [0x201, 0, words(0x00020000, blockSize, blockCount, 32, 2147483647, 1022)],
    ])
  }

  /** Picoseconds in day 20,000: later at each call. */
  nextTime(): bigint {
    this.ps += 1_000_001n
    return this.ps
  }

  /** Adds a commit to the pair of that block and the next one. */
  commit(block: number, tags: readonly Tag[]): void {
    const pair = this.pairs.get(block) ?? { revision: 0, commits: [] }
    pair.commits.push([...tags])
    this.write(block, pair)
  }

  /** Rewrites a pair as one commit, without its tail: chamelon's second fault. */
  compactDroppingTail(block: number): void {
    const pair = this.pairs.get(block) as { revision: number; commits: Tag[][] }
    const all = pair.commits.flat().filter(([type]) => type !== 0x601)
    const deleted = new Set(all.filter(([type]) => type === 0x4ff).map(([, id]) => id))
    const kept = all.filter(([type, id]) => type === 0x4ff || !deleted.has(id))
    pair.commits = [kept.sort(([, a], [, b]) => a - b)]
    this.write(block, pair)
  }

  /** An inline value, as `set` commits it. */
  set(
    block: number,
    id: number,
    name: string,
    value: Uint8Array | string,
    replaced?: number,
  ): void {
    this.commit(block, [
      ...(replaced === undefined ? [] : [deletion(replaced)]),
      this.time(id),
      [0x001, id, encode(name)],
      [0x201, id, encode(value)],
    ])
  }

  /** A value in blocks. */
  setInBlocks(block: number, id: number, name: string, value: Uint8Array, blocks: number[]): void {
    const head = this.writeBlocks(value, blocks)
    this.commit(block, [
      [0x001, id, encode(name)],
      this.time(id),
      [0x202, id, words(head, value.length)],
    ])
  }

  dictionary(block: number, id: number, name: string, pair: number): void {
    this.commit(block, [
      [0x002, id, encode(name)],
      [0x200, id, words(pair, pair + 1)],
    ])
  }

  tail(block: number, next: number): void {
    this.commit(block, [[0x601, 0x3ff, words(next, next + 1)]])
  }

  remove(block: number, id: number): void {
    this.commit(block, [deletion(id)])
  }

  private time(id: number): Tag {
    const data = new Uint8Array(12)
    const view = new DataView(data.buffer)
    view.setUint32(0, 20_000, true)
    view.setBigUint64(4, this.nextTime(), true)
    return [0x374, id, data]
  }

  private writeBlocks(value: Uint8Array, blocks: number[]): number {
    let at = 0
    for (let index = 0; at < value.length; index++) {
      const block = blocks[index] as number
      const pointers: number[] = []
      if (index > 0) {
        const log = Math.log2(index)
        const count = Number.isInteger(log) ? Math.max(1, log) : 1
        for (let k = 0; k < count; k++) {
          pointers.push(blocks[k === 0 ? index - 1 : index >> k] as number)
        }
      }
      const head = words(...pointers)
      const part = value.subarray(at, at + this.blockSize - head.length)
      this.bytes.set(head, block * this.blockSize)
      this.bytes.set(part, block * this.blockSize + head.length)
      at += part.length
    }
    return blocks[blockCountOf(value.length, this.blockSize) - 1] as number
  }

  private write(block: number, pair: { revision: number; commits: Tag[][] }): void {
    pair.revision++
    this.pairs.set(block, pair)
    const out = new Uint8Array(this.blockSize)
    const view = new DataView(out.buffer)
    view.setUint32(0, pair.revision, true)
    let at = 4
    let start = 0
    let previous = 0xffffffff
    const put = (type: number, id: number, length: number, data: Uint8Array) => {
      const tag = ((type << 20) | (id << 10) | (length & 0x3ff)) >>> 0
      view.setUint32(at, (tag ^ previous) >>> 0)
      previous = tag
      out.set(data, at + 4)
      at += 4 + data.length
    }
    for (const tags of pair.commits) {
      for (const [type, id, data] of tags) put(type, id, data.length, data)
      const unpadded = at + 8 - 4
      const end = Math.ceil(unpadded / PROGRAM_SIZE) * PROGRAM_SIZE + 4
      const hasTail = tags.some(([type]) => type === 0x601)
      put(hasTail ? 0x501 : 0x500, 0x3ff, end - at - 4, new Uint8Array(0))
      out.fill(0xff, at, end)
      view.setUint32(at, crcOf(out.subarray(start, at)), true)
      at = end
      start = end
    }
    this.bytes.set(out, block * this.blockSize)
    this.bytes.set(out, (block + 1) * this.blockSize)
  }
}

function blockCountOf(size: number, blockSize: number): number {
  let count = 0
  for (let at = 0; at < size; count++) {
    const log = Math.log2(count)
    const pointers = count === 0 ? 0 : Number.isInteger(log) ? Math.max(1, log) : 1
    at += blockSize - 4 * pointers
  }
  return count
}

function deletion(id: number): Tag {
  return [0x4ff, id, new Uint8Array(0)]
}

function encode(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  values.forEach((value, i) => {
    new DataView(bytes.buffer).setUint32(4 * i, value, true)
  })
  return bytes
}

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] as number)
  return crc >>> 0
}
