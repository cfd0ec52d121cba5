/**
 * Foreign: what a piece of flash holds that is no littlefs 2, told by marks of the formats and by
 * how its bytes are spread; and the error that says so and what to do.
 *
 * Sources: littlefs v1 SPEC.md ("Superblock"); littlefs v3 lfs3.h (tags); SPIFFS TECH_SPEC and
 * spiffs_nucleus.h (SPIFFS_MAGIC); Microsoft, "FAT: General Overview of On-Disk Format".
 */

import { type BlockDevice, FormatError } from '@caravan/core'
import { deviceSizeBytes, readBytes } from './device-bytes.js'
import { fatAt } from './fat.js'
import { spiffsAt } from './spiffs.js'
import { wrapperOf } from './unwrap.js'

export type ForeignKind =
  | 'spiffs'
  | 'fat'
  | 'littlefs-1'
  | 'littlefs-3'
  | 'notafs'
  | 'docteur'
  | 'wrapped'
  | 'erased'
  | 'encrypted'

export interface Foreign {
  readonly kind: ForeignKind
  /** As a sentence calls it: `a SPIFFS filesystem`. */
  readonly title: string
  /** Bytes from the beginning of the device. */
  readonly offset: number
  /** Bytes; `undefined` where nothing says so. */
  readonly sizeBytes: number | undefined
  /** What speaks for it, in words. */
  readonly evidence: readonly string[]
}

const HEAD_BYTES = 64 * 1024

/**
 * What a device holds from its first byte on, where that is something known that is no littlefs 2;
 * `undefined` where nothing is known by these bytes.
 *
 * @throws DeviceError.
 */
export async function identify(device: BlockDevice): Promise<Foreign | undefined> {
  const head = await readBytes(device, 0, HEAD_BYTES)
  if (head.length === 0) return undefined
  const readId = async (at: number) => u16(await readBytes(device, at, 2), 0)
  return (
    markIn(head) ??
    fatAt(head, 0, 0) ??
    // Behind the sector that wear levelling keeps free before the first write.
    fatAt(head, WEAR_LEVELLING_BYTES, 0) ??
    (await spiffsAt(readId, 0, deviceSizeBytes(device))) ??
    spreadOf(head)
  )
}

/** A sector of ESP-IDF's wear levelling. */
const WEAR_LEVELLING_BYTES = 4096

/** 16 bits, little-endian. */
export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}

/**
 * The littlefs of version 1 one of whose superblocks stands at a place of `bytes`, which begin at
 * `start` of the device.
 */
export function littlefs1At(bytes: Uint8Array, at: number, start: number): Foreign | undefined {
  if (asciiAt(bytes, at + MAGIC_AT_1, 8) !== MAGIC) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, MAGIC_AT_1)
  const [blockSize, blockCount] = [view.getUint32(0x1c, true), view.getUint32(0x20, true)]
  return {
    kind: 'littlefs-1',
    title: 'a littlefs of version 1',
    offset: start + at,
    sizeBytes: blockSize * blockCount,
    evidence: ['"littlefs" at byte 40 of a block', `${blockCount} blocks of ${blockSize} bytes`],
  }
}

const MAGIC = 'littlefs'
/** Behind the entry's type and lengths, two pointers and three words. */
const MAGIC_AT_1 = 0x28
const MAGIC_AT = 8
/** Every v3 tag of a magic, in the three shapes that its development had; v2's is f0 0f ff f7. */
const TAGS_3 = [0x0031, 0x0131, 0x0101, 0x0003]

function markIn(head: Uint8Array): Foreign | undefined {
  const wrapper = wrapperOf(head)
  if (wrapper !== undefined) {
    return foreign('wrapped', `a ${wrapper} file`, [`the magic of ${wrapper}`])
  }
  if (asciiAt(head, 0, 8) === 'NOTAFS\0\0' || asciiAt(head, 0, 8) === '\0\0SFATON') {
    return foreign('notafs', 'a notafs disk', ['NOTAFS at byte 0'])
  }
  if (asciiAt(head, 28, 4) === 'PACK' || asciiAt(head, 40, 4) === 'PACK') {
    return foreign('docteur', 'a docteur image', ['PACK behind the id of a commit'])
  }
  for (const start of blockStarts(head)) {
    const place = start === 0 ? '' : ` of the block at ${start}`
    const one = littlefs1At(head, start, 0)
    if (one !== undefined) return { ...one, offset: 0 }
    if (isLittlefs3(head.subarray(start))) {
      return foreign('littlefs-3', 'a littlefs of version 3', [
        `"littlefs" at byte 8${place}, behind a tag of version 3`,
      ])
    }
  }
  return undefined
}

/** True where the bytes begin as a block of a littlefs 3 with its superblock does. */
export function isLittlefs3(block: Uint8Array): boolean {
  if (asciiAt(block, MAGIC_AT, 8) !== MAGIC) return false
  // The high bit of a tag makes the parity of what is before it even.
  const tag = (((block[4] ?? 0) << 8) | (block[5] ?? 0)) & 0x7fff
  return TAGS_3.includes(tag) && block[7] === MAGIC.length
}

/** Where blocks 0 and 1 may begin: either holds the superblock. */
function* blockStarts(head: Uint8Array): Generator<number, void, void> {
  yield 0
  for (let size = 128; size < head.length; size *= 2) yield size
}

/** Bits a byte above which bytes look like noise: 4 KiB of it have 7.95, code and text below 7. */
const NOISE_BITS = 7.9
const NOISE_BYTES = 4096

/** What the spread of the bytes tells, where no mark does. */
function spreadOf(head: Uint8Array): Foreign | undefined {
  for (const value of [0xff, 0x00] as const) {
    if (!head.every((byte) => byte === value)) continue
    const name = value === 0xff ? 'erased flash' : 'nothing but zeros'
    return foreign('erased', name, [
      `its first ${head.length} bytes are all 0x${value === 0 ? '00' : 'ff'}`,
    ])
  }
  if (head.length < 2 * NOISE_BYTES) return undefined
  const bits = [0, NOISE_BYTES].map((at) => entropy(head.subarray(at, at + NOISE_BYTES)))
  if (bits.some((each) => each < NOISE_BITS)) return undefined
  const least = Math.min(...bits).toFixed(2)
  return foreign('encrypted', 'encrypted data, as it looks', [
    `its first two 4 KiB have ${least} bits of entropy a byte`,
  ])
}

/** Bits a byte. */
function entropy(bytes: Uint8Array): number {
  const counts = new Array<number>(256).fill(0)
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1
  return counts.reduce((sum, count) => {
    const share = count / bytes.length
    return count === 0 ? sum : sum - share * Math.log2(share)
  }, 0)
}

function asciiAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}

function foreign(kind: ForeignKind, title: string, evidence: readonly string[]): Foreign {
  return { kind, title, offset: 0, sizeBytes: undefined, evidence }
}

/** What to do where it is found, each with the code of its error. */
const ADVICE: Readonly<Record<ForeignKind, readonly [code: string, advice: string]>> = {
  spiffs: [
    'IS_SPIFFS',
    'Read it with mkspiffs or spiffsgen.py; littlefs begins elsewhere, if there is one: `caravan find` looks for it.',
  ],
  fat: [
    'IS_FAT',
    'Mount it, or read it with mtools; where it lies in an ESP32 partition with wear levelling, take that off first (wl_fatfsgen.py, fatfsparse.py).',
  ],
  'littlefs-1': [
    'IS_LITTLEFS_1',
    'Its format is another one than that of version 2: open it as littlefs1 (--format littlefs1), or make a littlefs 2 of it with `caravan migrate`.',
  ],
  'littlefs-3': [
    'IS_LITTLEFS_3',
    'Its format is another one than that of version 2, and not settled yet: use the tools of the library that wrote it.',
  ],
  notafs: ['IS_NOTAFS', 'Open it as notafs (--format notafs).'],
  docteur: ['IS_DOCTEUR', 'Open it as docteur (--format docteur).'],
  wrapped: ['IS_WRAPPED', 'Take the image out of it first: `caravan unpack FILE IMAGE`.'],
  erased: [
    'IS_ERASED',
    'Nothing was written there: check the offset; a device that has not formatted its filesystem yet leaves it so. `caravan format` makes an empty one.',
  ],
  encrypted: [
    'IS_ENCRYPTED',
    'Decrypt it first, with the key of the device (ESP32: espsecure.py decrypt_flash_data); or it is compressed: unpack it.',
  ],
}

/** The error of bytes that were to be a filesystem and are something else. */
export function foreignError({ kind, title, evidence }: Foreign, cause?: unknown): FormatError {
  const [code, advice] = ADVICE[kind]
  const details = cause === undefined ? {} : { cause }
  return new FormatError(code, `This is ${title} (${evidence.join(', ')}). ${advice}`, details)
}
