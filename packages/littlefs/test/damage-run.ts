/** Random damage to golden images, from a seed: what the campaigns of check, repair and recover work on. */

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Random } from '@caravan/testkit'
import { crc32 } from '../src/format/crc32.js'
import { walkLog } from '../src/format/log-walk.js'
import type { Manifest } from './golden-images.js'

export interface DamagedImage {
  /** Which image, and what was done to it. */
  readonly story: string
  readonly image: Uint8Array<ArrayBuffer>
  readonly blockSize: number
  readonly blockCount: number
}

/** A golden image that is to be damaged. */
interface Source {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly blockSize: number
  readonly blockCount: number
}

/** So that a case stays quick. */
const IMAGE_MAX_BYTES = 128 * 1024

const known = new Map<string, readonly Source[]>()

/** The small images of golden/littlefs that nobody has damaged. Campaigns say where that is. */
function sourcesIn(folder: URL): readonly Source[] {
  let sources = known.get(folder.href)
  if (sources === undefined) {
    const names = readdirSync(folder)
      .filter((file) => file.endsWith('.img.gz') && !file.startsWith('corrupt'))
      .map((file) => file.slice(0, -'.img.gz'.length))
    sources = names.sort().flatMap((name) => {
      const manifest: Manifest = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
      const { blockSize, blockCount, mountBlockCount } = manifest
      if (mountBlockCount === 0 || blockSize * blockCount > IMAGE_MAX_BYTES) return []
      const bytes = new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.img.gz`, folder))))
      return [{ name, bytes, blockSize, blockCount }]
    })
    known.set(folder.href, sources)
  }
  return sources
}

type Blow = (blocks: Blocks, random: Random) => string

/** An image cut in blocks, and which of them hold logs. */
class Blocks {
  constructor(
    readonly image: Uint8Array,
    readonly blockSize: number,
  ) {}

  get count(): number {
    return this.image.length / this.blockSize
  }

  at(block: number): Uint8Array {
    return this.image.subarray(block * this.blockSize, (block + 1) * this.blockSize)
  }

  /** A block with a good commit, but for the one in a hundred images that has none left. */
  pickLog(random: Random): number {
    const logs = Array.from({ length: this.count }, (_, block) => block).filter(
      (block) => walkLog(this.at(block), crc32).commits.length > 0,
    )
    return logs.length === 0 ? 0 : random.pick(logs)
  }
}

const BLOWS: readonly Blow[] = [
  function flipBits(blocks, random) {
    const block = random.oneIn(4) ? random.int(blocks.count) : blocks.pickLog(random)
    const bytes = blocks.at(block)
    const bits = Array.from({ length: 1 + random.int(3) }, () => random.int(8 * bytes.length))
    for (const bit of bits) bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
    return `bits ${bits.join(', ')} of block ${block} flipped`
  },
  function resealBytes(blocks, random) {
    const block = blocks.pickLog(random)
    const bytes = blocks.at(block)
    const { commits } = walkLog(bytes.slice(), crc32)
    if (commits.length === 0) return `block ${block} holds no log`
    const commit = random.pick(commits)
    const from = Math.max(4, commit.start)
    const places = Array.from(
      { length: 1 + random.int(4) },
      () => from + random.int(commit.crcTag.offset - from + 1),
    )
    for (const at of places) {
      const before = bytes[at] as number
      bytes[at] = random.oneIn(2) ? random.int(256) : before ^ (1 << random.int(8))
    }
    seal(bytes, commit.start, commit.crcTag.offset)
    return `bytes ${places.join(', ')} of block ${block} changed, with a good CRC`
  },
  function changeTagData(blocks, random) {
    const block = blocks.pickLog(random)
    const bytes = blocks.at(block)
    const { commits } = walkLog(bytes.slice(), crc32)
    const commit = random.pick(commits.length === 0 ? [undefined] : commits)
    const tags = commit?.tags.filter(({ data }) => data.length >= 4) ?? []
    if (commit === undefined || tags.length === 0) return `block ${block} holds no data`
    const { offset, data } = random.pick(tags)
    const at = offset + 4 + 4 * random.int(data.length >> 2)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const value = random.oneIn(3) ? random.int(2 ** 32 - 1) : random.int(blocks.count + 2)
    view.setUint32(at, value, true)
    seal(bytes, commit.start, commit.crcTag.offset)
    return `the word at ${at} of block ${block} is ${value}, with a good CRC`
  },
  function changePointer(blocks, random) {
    const block = random.int(blocks.count)
    const value = random.int(blocks.count + 4)
    const bytes = blocks.at(block)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    view.setUint32(4 * random.int(4), value, true)
    return `a pointer at the beginning of block ${block} leads to ${value}`
  },
  function eraseBlock(blocks, random) {
    const block = random.oneIn(2) ? random.int(blocks.count) : blocks.pickLog(random)
    blocks.at(block).fill(random.oneIn(2) ? 0xff : 0)
    return `block ${block} erased`
  },
  function copyBlock(blocks, random) {
    const [from, to] = [random.int(blocks.count), random.int(blocks.count)]
    blocks.at(to).set(blocks.at(from))
    return `block ${from} copied over ${to}`
  },
  function tearBlock(blocks, random) {
    const block = blocks.pickLog(random)
    const at = random.int(blocks.blockSize)
    blocks.at(block).fill(0xff, at)
    return `block ${block} erased from ${at} on`
  },
  function setRevision(blocks, random) {
    const block = blocks.pickLog(random)
    const bytes = blocks.at(block)
    const { commits } = walkLog(bytes.slice(), crc32)
    const revision = random.int(20)
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setUint32(0, revision, true)
    const first = commits[0]
    if (first !== undefined) seal(bytes, first.start, first.crcTag.offset)
    return `block ${block} has revision ${revision}`
  },
]

/** Writes the CRC that a commit's bytes have now. */
function seal(bytes: Uint8Array, start: number, crcTagOffset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setUint32(crcTagOffset + 4, crc32(-1, bytes, start, crcTagOffset + 4) >>> 0, true)
}

/** @param folder golden/littlefs. */
export function drawDamage(random: Random, folder: URL): DamagedImage {
  const { name, bytes, blockSize, blockCount } = random.pick(sourcesIn(folder))
  const image = bytes.slice()
  const blocks = new Blocks(image, blockSize)
  const done = Array.from({ length: 1 + random.int(3) }, () => random.pick(BLOWS)(blocks, random))
  return { story: `${name}: ${done.join('; ')}`, image, blockSize, blockCount }
}
