/** Images of littlefs 1: those of golden/littlefs1, and made-up ones with good checksums. */

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { CRC_INITIAL, crc32 } from '../src/format/crc32.js'

const golden = new URL('../../../golden/littlefs1/', import.meta.url)

export interface Version1Case {
  readonly name: string
  readonly group: string
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
  readonly expect: string
}

/** @param folder where they are; a soak runs from elsewhere. */
export function version1Cases(folder = golden): Version1Case[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') && name !== 'index.json')
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Version1Case)
}

export function version1Case(name: string): Version1Case {
  const found = version1Cases().find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`no case ${name}`)
  return found
}

/** A copy that the caller may write to. */
export function version1Image(name: string, folder = golden): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.img.gz`, folder))))
}

export interface EntryToWrite {
  readonly type: number
  readonly data: readonly number[]
  readonly name: string
  readonly attributes?: readonly number[]
}

export interface BlockToWrite {
  readonly revision?: number
  readonly tail?: readonly [number, number]
  readonly isContinued?: boolean
  readonly entries: readonly EntryToWrite[]
}

export const FILE = 0x11
export const DIRECTORY = 0x22
const NULL_BLOCK = 0xffffffff

/** A device of littlefs 1, written block by block: what is written is what the test says. */
export class Version1Image {
  readonly bytes: Uint8Array<ArrayBuffer>

  constructor(
    readonly blockSize: number,
    blockCount: number,
    root: readonly [number, number] = [2, 3],
  ) {
    this.bytes = new Uint8Array(blockSize * blockCount).fill(0xff)
    const superblock = {
      type: 0x2e,
      data: [root[0], root[1], blockSize, blockCount, 0x00010001],
      name: 'littlefs',
    }
    this.block(0, { revision: 1, tail: root, entries: [superblock] })
    this.block(1, { revision: 2, tail: root, entries: [superblock] })
  }

  block(number: number, block: BlockToWrite): this {
    const { revision = 1, tail = [NULL_BLOCK, NULL_BLOCK], isContinued = false, entries } = block
    const parts = entries.map(({ type, data, name, attributes = [] }) => {
      const bytes = Buffer.from(name, 'latin1')
      const head = [type, 4 * data.length, attributes.length, bytes.length]
      return [...head, ...data.flatMap(word), ...attributes, ...bytes]
    })
    const body = parts.flat()
    const size = 16 + body.length + 4
    const flag = isContinued ? 0x80000000 : 0
    const bytes = Uint8Array.from([
      ...word(revision),
      ...word((size | flag) >>> 0),
      ...tail.flatMap(word),
      ...body,
    ])
    const crc = crc32(CRC_INITIAL, bytes, 0, bytes.length)
    this.bytes.set([...bytes, ...word(crc)], number * this.blockSize)
    return this
  }

  words(block: number, words: readonly number[]): this {
    this.bytes.set(words.flatMap(word), block * this.blockSize)
    return this
  }
}

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
}
