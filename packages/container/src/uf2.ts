/**
 * UF2: a file of blocks of 512 bytes, each with the address that its data goes to.
 *
 *     0      4      8     12      16      20    24     28      32             508
 *     [magic magic  flags address payload block blocks family  data, 476 bytes magic]
 *
 * All fields are 32 bits, little-endian.
 *
 * Source: uf2 README.md, "File format".
 */

import { FormatError, MisuseError } from '@caravan/core'
import type { Segment } from './segments.js'
import { ABSOLUTE_FAMILY, familyName } from './uf2-families.js'

const BLOCK_BYTES = 512
const DATA_AT = 32
const DATA_BYTES = 476
const MAGIC_START_0 = 0x0a324655
const MAGIC_START_1 = 0x9e5d5157
const MAGIC_END = 0x0ab16f30
const MAGIC_END_AT = 508

const FLAGS_AT = 8
const ADDRESS_AT = 12
const PAYLOAD_AT = 16
const NUMBER_AT = 20
const COUNT_AT = 24
const FAMILY_AT = 28

const NOT_MAIN_FLASH = 0x00000001
const FILE_CONTAINER = 0x00001000
const FAMILY_PRESENT = 0x00002000

/** "Always correct", and the only size that RP2040's and RP2350's boot ROMs take. */
const PAYLOAD_BYTES = 256

export interface Uf2File {
  /** In the order of the file. */
  readonly segments: readonly Segment[]
  /** Whose they are; `undefined` where the blocks do not say. */
  readonly family: number | undefined
}

export interface Uf2Options {
  /** Whose blocks to read, of a file for several families. */
  readonly family?: number
}

interface Uf2Block {
  readonly flags: number
  readonly segment: Segment
  readonly number: number
  readonly count: number
  readonly family: number | undefined
}

/** True where the bytes begin as a UF2 file does. */
export function isUf2(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false
  const view = viewOf(bytes)
  return view.getUint32(0, true) === MAGIC_START_0 && view.getUint32(4, true) === MAGIC_START_1
}

/**
 * What a UF2 file writes into main flash.
 *
 * @throws FormatError `BAD_UF2` for a file that is cut short or damaged, that lacks blocks, or holds
 *   files instead of flash; `SEVERAL_FAMILIES` where it must be said whose blocks are meant.
 */
export function decodeUf2(bytes: Uint8Array, { family }: Uf2Options = {}): Uf2File {
  if (bytes.length === 0 || bytes.length % BLOCK_BYTES !== 0) {
    throw badUf2(
      `it has ${bytes.length} bytes, which is no whole number of blocks of ${BLOCK_BYTES}: it was cut short. Get the whole file.`,
      bytes.length,
    )
  }
  const blocks: Uf2Block[] = []
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) blocks.push(decodeBlock(bytes, at))
  const families = [...new Set(blocks.map((block) => block.family))]
  const chosen = chooseFamily(families, family)
  const own = blocks.filter((block) => block.family === chosen)
  checkComplete(own)
  return {
    family: chosen,
    segments: own
      .filter(({ flags }) => (flags & NOT_MAIN_FLASH) === 0)
      .map(({ segment }) => segment),
  }
}

function decodeBlock(bytes: Uint8Array, at: number): Uf2Block {
  const view = viewOf(bytes.subarray(at, at + BLOCK_BYTES))
  const word = (offset: number) => view.getUint32(offset, true)
  if (word(0) !== MAGIC_START_0 || word(4) !== MAGIC_START_1 || word(MAGIC_END_AT) !== MAGIC_END) {
    throw badUf2(`the block at byte ${at} lacks its magic numbers: it is damaged.`, at)
  }
  const flags = word(FLAGS_AT)
  if ((flags & FILE_CONTAINER) !== 0) {
    throw badUf2(
      'it holds files for a device (file container), not the content of a flash. Give a UF2 file of flash.',
      at,
    )
  }
  const payload = word(PAYLOAD_AT)
  if (payload > DATA_BYTES) {
    throw badUf2(
      `the block at byte ${at} says ${payload} bytes of data: at most ${DATA_BYTES} fit.`,
      at,
    )
  }
  return {
    flags,
    segment: {
      address: word(ADDRESS_AT),
      bytes: bytes.subarray(at + DATA_AT, at + DATA_AT + payload),
    },
    number: word(NUMBER_AT),
    count: word(COUNT_AT),
    family: (flags & FAMILY_PRESENT) === 0 ? undefined : word(FAMILY_AT),
  }
}

function chooseFamily(
  families: readonly (number | undefined)[],
  asked: number | undefined,
): number | undefined {
  const names = families.map((id) => (id === undefined ? 'none' : familyName(id))).join(', ')
  if (asked !== undefined) {
    if (families.includes(asked)) return asked
    throw new FormatError(
      'SEVERAL_FAMILIES',
      `This UF2 file has no blocks for ${familyName(asked)}; it has some for: ${names}. Ask for one of these.`,
      { structure: 'UF2 block' },
    )
  }
  const own = families.filter((id) => id !== ABSOLUTE_FAMILY)
  if (own.length <= 1) return own.length === 1 ? own[0] : families[0]
  throw new FormatError(
    'SEVERAL_FAMILIES',
    `This UF2 file is for several families: ${names}. Say whose flash is meant (family, --family).`,
    { structure: 'UF2 block' },
  )
}

/** A device waits for all of them; a file that lacks some was cut short. */
function checkComplete(blocks: readonly Uf2Block[]): void {
  const numbers = new Set(blocks.map(({ number }) => number))
  for (const { count, number } of blocks) {
    if (number >= count) {
      throw badUf2(`a block is number ${number} of ${count}: it is damaged.`, 0)
    }
    if (numbers.size < count) {
      throw badUf2(
        `${count - numbers.size} of its ${count} blocks are missing: it was cut short. Get the whole file.`,
        0,
      )
    }
  }
}

/**
 * Bytes as a UF2 file for a family of boards. The last block is filled up with 0xff.
 *
 * @param address where in the device's memory they go; a multiple of 256.
 * @throws MisuseError `INVALID_ARGUMENT`.
 */
export function encodeUf2(bytes: Uint8Array, address: number, family: number): Uint8Array {
  const isPlace = Number.isSafeInteger(address) && address >= 0 && address % PAYLOAD_BYTES === 0
  if (!isPlace || address + bytes.length > 2 ** 32 || bytes.length === 0) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${bytes.length} bytes at address ${address} make no UF2 file: give some bytes, and an address that is a multiple of ${PAYLOAD_BYTES} and leaves them below 2^32.`,
    )
  }
  const count = Math.ceil(bytes.length / PAYLOAD_BYTES)
  const file = new Uint8Array(count * BLOCK_BYTES)
  for (let i = 0; i < count; i++) {
    const block = file.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
    const view = viewOf(block)
    const fields = [
      [0, MAGIC_START_0],
      [4, MAGIC_START_1],
      [FLAGS_AT, FAMILY_PRESENT],
      [ADDRESS_AT, address + i * PAYLOAD_BYTES],
      [PAYLOAD_AT, PAYLOAD_BYTES],
      [NUMBER_AT, i],
      [COUNT_AT, count],
      [FAMILY_AT, family],
      [MAGIC_END_AT, MAGIC_END],
    ] as const
    block.fill(0xff, DATA_AT, MAGIC_END_AT)
    block.set(bytes.subarray(i * PAYLOAD_BYTES, (i + 1) * PAYLOAD_BYTES), DATA_AT)
    for (const [at, value] of fields) view.setUint32(at, value, true)
  }
  return file
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function badUf2(what: string, offset: number): FormatError {
  return new FormatError('BAD_UF2', `This UF2 file cannot be read: ${what}`, {
    structure: 'UF2 block',
    offset,
  })
}
