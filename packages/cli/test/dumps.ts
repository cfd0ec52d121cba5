/** A dump of a 16 MiB flash of an ESP32, made from the specifications of what lies in it. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fatImage, noise, spiffsImage } from '@caravan/testkit'
import { caravan, freshPath } from './harness.js'
import { type Files, hostTree } from './images.js'

export const FLASH_BYTES = 16 * 1024 * 1024

/** Where the partitions of {@link flashDump} lie, and how large they are, in bytes. */
export const PARTITIONS = {
  nvs: [0x9000, 0x6000, 1, 0x02],
  factory: [0x10000, 0x200000, 0, 0x00],
  settings: [0x210000, 0x40000, 1, 0x83],
  old: [0x250000, 0x100000, 1, 0x82],
  storage: [0x350000, 0x600000, 1, 0x82],
  media: [0x950000, 0x400000, 1, 0x81],
} as const satisfies Record<string, readonly [number, number, number, number]>

/** A table as esp_flash_partitions.h lays it out. */
export function partitionTable(): Buffer {
  const entries = Object.entries(PARTITIONS).map(([name, [offset, size, type, subtype]]) => {
    const entry = Buffer.alloc(32)
    entry.set([0xaa, 0x50, type, subtype])
    entry.writeUInt32LE(offset, 4)
    entry.writeUInt32LE(size, 8)
    entry.write(name, 12)
    return entry
  })
  const all = Buffer.concat(entries)
  const md5 = createHash('md5').update(all).digest()
  const mark = Buffer.concat([Buffer.from('ebeb', 'hex'), Buffer.alloc(14, 0xff), md5])
  return Buffer.concat([all, mark, Buffer.alloc(0x1000 - all.length - 32, 0xff)])
}

/** The same as a project has it. */
export const PARTITIONS_CSV = `# Name, Type, SubType, Offset, Size, Flags
nvs,      data, nvs,      0x9000,   24K,
factory,  app,  factory,  0x10000,  2M,
settings, data, littlefs, ,         256K,
old,      data, spiffs,   ,         1M,
storage,  data, spiffs,   ,         6M,
media,    data, fat,      ,         4M,
`

/** A littlefs of so many bytes that holds these files. */
export async function littlefsImage(sizeBytes: number, files: Files): Promise<Buffer> {
  const path = freshPath()
  const argv = ['create', '--quiet', '--size', String(sizeBytes), hostTree(files), path]
  const { code, err } = await caravan(argv)
  if (code !== 0) throw new Error(err)
  return readFileSync(path)
}

export interface DumpPieces {
  /** Whether the dump holds a partition table. Default true. */
  readonly hasTable?: boolean
}

/** Firmware that looks like noise, a littlefs in two partitions, a SPIFFS and a FAT. */
export async function flashDump({ hasTable = true }: DumpPieces = {}): Promise<Buffer> {
  const dump = Buffer.alloc(FLASH_BYTES, 0xff)
  dump.set(noise(20_000), 0x1000)
  if (hasTable) dump.set(partitionTable(), 0x8000)
  dump.set(noise(1_500_000, 2), PARTITIONS.factory[0])
  dump.set(
    await littlefsImage(PARTITIONS.settings[1], { 'wifi.json': '{}' }),
    PARTITIONS.settings[0],
  )
  dump.set(spiffsImage(PARTITIONS.old[1] / 4096), PARTITIONS.old[0])
  const files = { 'www/index.html': '<h1>hello</h1>', 'www/large.bin': noise(100_000, 3) }
  dump.set(await littlefsImage(PARTITIONS.storage[1], files), PARTITIONS.storage[0])
  dump.set(fatImage(PARTITIONS.media[1] / 4096 - 4), PARTITIONS.media[0] + 4096)
  return dump
}
