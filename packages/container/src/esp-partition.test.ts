/** Partition tables of the ESP32: the bytes of ESP-IDF's own tool, there and back, and what is refused. */

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodePartitionCsv, encodePartitionCsv } from './esp-partition-csv.js'
import {
  decodePartitionTable,
  type EspPartition,
  encodePartitionTable,
  partitionKind,
  partitionNamed,
} from './esp-partition-table.js'

/** An entry as esp_flash_partitions.h has it. */
function entry(type: number, subtype: number, offset: number, size: number, name: string): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.set([0xaa, 0x50, type, subtype])
  bytes.writeUInt32LE(offset, 4)
  bytes.writeUInt32LE(size, 8)
  bytes.write(name, 12)
  return bytes
}

/** ESP-IDF's "Single factory app, no OTA", with a filesystem behind. */
const ENTRIES = Buffer.concat([
  entry(1, 0x02, 0x9000, 0x6000, 'nvs'),
  entry(1, 0x01, 0xf000, 0x1000, 'phy_init'),
  entry(0, 0x00, 0x10000, 0x100000, 'factory'),
  entry(1, 0x83, 0x110000, 0xf0000, 'storage'),
])
const MD5 = Buffer.concat([
  Buffer.from('ebeb', 'hex'),
  Buffer.alloc(14, 0xff),
  createHash('md5').update(ENTRIES).digest(),
])
const TABLE = Buffer.concat([ENTRIES, MD5, Buffer.alloc(0xc00 - 160, 0xff)])

const CSV = `# ESP-IDF Partition Table
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  24K,
phy_init, data, phy,     ,        0x1000,
factory,  app,  factory, ,        1M,
storage,  data, littlefs,,        -2M,
`

describe('a partition table', () => {
  test('in binary and in CSV is the same, and binary is what ESP-IDF writes', () => {
    const partitions = decodePartitionTable(TABLE)
    expect(partitions.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['nvs', 0x9000, 0x6000],
      ['phy_init', 0xf000, 0x1000],
      ['factory', 0x10000, 0x100000],
      ['storage', 0x110000, 0xf0000],
    ])
    expect(partitionKind(partitionNamed(partitions, 'storage'))).toEqual({
      type: 'data',
      subtype: 'littlefs',
    })
    expect(decodePartitionCsv(CSV)).toEqual(partitions)
    expect(Buffer.from(encodePartitionTable(partitions)).equals(TABLE)).toBe(true)
    expect(() => partitionNamed(partitions, 'spiffs')).toThrow(
      "There is no partition 'spiffs'. The table has: nvs, phy_init, factory, storage.",
    )
  })

  test('any table, there and back, in binary and in CSV', () => {
    const partition = fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9_]{0,13}$/),
      type: fc.constantFrom(0, 1, 0x40, 0xfe),
      subtype: fc.nat(255),
      size: fc.integer({ min: 1, max: 100 }).map((pages) => pages * 0x10000),
      encrypted: fc.boolean(),
      readOnly: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(partition, { minLength: 1, maxLength: 94 }), (drawn) => {
        let offset = 0x10000
        const partitions: EspPartition[] = drawn.map((each) => {
          const placed = { ...each, offset }
          offset += each.size
          return placed
        })
        expect(decodePartitionTable(encodePartitionTable(partitions))).toEqual(partitions)
        expect(decodePartitionCsv(encodePartitionCsv(partitions))).toEqual(partitions)
      }),
    )
  })

  test('without an MD5, as old tools write it, is read', () => {
    const old = Buffer.concat([ENTRIES, Buffer.alloc(32, 0xff)])
    expect(decodePartitionTable(old)).toHaveLength(4)
  })

  test('with any bit of an entry or of its MD5 changed is refused', () => {
    for (let bit = 0; bit < 8 * 160; bit++) {
      if (bit >= 8 * 130 && bit < 8 * 144) continue // Not looked at: what fills up the MD5's entry.
      const bytes = Buffer.from(TABLE)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => decodePartitionTable(bytes)).toThrow(
        expect.objectContaining({
          code: bit < 16 ? 'NOT_A_PARTITION_TABLE' : 'BAD_PARTITION_TABLE',
        }),
      )
    }
  })

  test.each([
    ['cut short', TABLE.subarray(0, 160), 'it has no end'],
    [
      'overlapping',
      Buffer.concat([ENTRIES, entry(1, 2, 0x110000, 1, 'x'), Buffer.alloc(32, 0xff)]),
      'storage (0x110000 to 0x200000)',
    ],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => decodePartitionTable(bytes)).toThrow(message)
  })

  test('no table', () => {
    expect(() => decodePartitionTable(new Uint8Array(100))).toThrow('No ESP32 partition table')
  })

  test.each([
    ['nvs, data, nvs', 'line 1: a partition is: name'],
    ['\nnvs, date, nvs, 0x9000, 4K,', "line 2: 'date' is no type"],
    ['nvs, data, nvx, 0x9000, 4K,', "line 1: 'nvx' is no subtype"],
    ['nvs, data, nvs, 0x9000, lots,', "line 1: 'lots' is no address"],
    ['nvs, data, nvs, 0x9000, 4K, encrypted:odd', "line 1: there is no flag 'odd'"],
    [
      'nvs, data, nvs, 0x8000, 4K,',
      'line 1: it begins at 0x8000, and what is before it ends at 0x9000',
    ],
    ['a, data, nvs, 0x9000, 8K,\nb, data, nvs, 0xa000, 4K,', 'line 2: it begins at 0xa000'],
    ['a, data, nvs, 0x9000, -4K,', 'come to nothing'],
    ['# nothing', 'there is no partition'],
  ])('CSV that is refused: %s', (csv, message) => {
    expect(() => decodePartitionCsv(csv)).toThrow(
      expect.objectContaining({
        code: 'BAD_PARTITION_TABLE',
        message: expect.stringContaining(message),
      }),
    )
  })

  test('what a table cannot hold', () => {
    const one: EspPartition = {
      ...{ name: 'sixteen-bytes-xx', type: 1, subtype: 2, offset: 0x9000, size: 4096 },
      ...{ encrypted: false, readOnly: false },
    }
    expect(() => encodePartitionTable([one])).toThrow('at most 15 bytes')
    const many = Array.from({ length: 95 }, () => ({ ...one, name: 'x' }))
    expect(() => encodePartitionTable(many)).toThrow('a table holds 94')
  })
})
