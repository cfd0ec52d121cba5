/** Filesystems in a dump of a flash: found, named, and changed without a byte outside them. */

import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { flashDump, littlefsImage, PARTITIONS, PARTITIONS_CSV, partitionTable } from './dumps.js'
import { caravan, freshPath, imageFile } from './harness.js'
import { hostTree, soundTree } from './images.js'

let dump: Buffer
let bare: Buffer
/** The two as files that no test changes. */
let dumpPath = ''
let barePath = ''
beforeAll(async () => {
  dump = await flashDump()
  bare = await flashDump({ hasTable: false })
  dumpPath = fileOf(dump)
  barePath = fileOf(bare)
})

function fileOf(bytes: Uint8Array): string {
  const path = freshPath()
  writeFileSync(path, bytes)
  return path
}

/** Expects that only bytes of one partition are others than before, and some of these are. */
function expectOnlyIn(path: string, before: Buffer, [offset, size]: readonly number[]): void {
  const after = readFileSync(path)
  const [start, end] = [offset as number, (offset as number) + (size as number)]
  expect(after.length).toBe(before.length)
  expect(after.subarray(0, start).equals(before.subarray(0, start))).toBe(true)
  expect(after.subarray(end).equals(before.subarray(end))).toBe(true)
  expect(after.subarray(start, end).equals(before.subarray(start, end))).toBe(false)
}

const partOf = (path: string, [offset, size]: readonly number[]) =>
  readFileSync(path).subarray(offset, (offset as number) + (size as number))

describe('a 16 MiB dump with two littlefs, a SPIFFS and a FAT', () => {
  it('all are found and named, with what speaks for each', async () => {
    const { code, out } = await caravan(['find', dumpPath])
    expect(code).toBe(0)
    expect(out).toMatchInlineSnapshot(`
      "0x210000  256 KiB  littlefs 2.1       settings  both superblocks, CRC good, size plausible, 64 blocks of 4096 bytes
      0x250000  1 MiB    SPIFFS filesystem  old       its magic in every block, 256 blocks of 4096 bytes, pages of 256
      0x350000  6 MiB    littlefs 2.1       storage   both superblocks, CRC good, size plausible, 1536 blocks of 4096 bytes
      0x951000  4.0 MiB  FAT filesystem     media     boot sector (55 AA), 1020 sectors of 4096 bytes
      "
    `)
  })

  it('and without a partition table too, for a program', async () => {
    const { out } = await caravan(['find', '--json', barePath])
    const found = JSON.parse(out) as Record<string, unknown>[]
    expect(
      found.map(({ format, offsetBytes, partition }) => [format, offsetBytes, partition]),
    ).toEqual([
      ['littlefs', PARTITIONS.settings[0], null],
      [null, PARTITIONS.old[0], null],
      ['littlefs', PARTITIONS.storage[0], null],
      [null, PARTITIONS.media[0] + 4096, null],
    ])
    expect(found.map(({ isCertain }) => isCertain)).toEqual([true, false, true, false])
  })

  it('none of several is chosen: the error lists them, and says what to give', async () => {
    const { code, err } = await caravan(['ls', dumpPath])
    expect(code).toBe(1)
    expect(err).toContain(
      "2 filesystems were found: littlefs 2.1 at 0x210000 (partition 'settings'",
    )
    expect(err).toContain('with --partition NAME or --offset.')
    const without = await caravan(['put', barePath, fileOf(Buffer.from('x')), '/x'])
    expect(without.code).toBe(1)
    expect(without.err).toContain('with --offset, and --size where something follows it.')
  })

  it('the right one is read by its name, its place, or a table beside it', async () => {
    const path = dumpPath
    const csv = imageFile(Buffer.from(PARTITIONS_CSV), 'table-csv')
    const bin = imageFile(partitionTable(), 'table-bin')
    for (const argv of [
      ['--partition', 'storage', path],
      ['--offset', '0x350000', path],
      ['--offset', '0x350000', '--size', '6M', path],
      ['--partition', 'storage', '--partition-table', csv, barePath],
      ['--partition', 'storage', '--partition-table', bin, barePath],
    ]) {
      const { code, out, err } = await caravan(['cat', ...argv, '/www/index.html'])
      expect([argv, code, out, err]).toEqual([argv, 0, '<h1>hello</h1>', ''])
    }
  })

  it('and changed by every verb that writes, not one byte outside it', async () => {
    const path = fileOf(dump)
    const file = fileOf(Buffer.from('new'))
    const at = ['--partition', 'storage', path]
    const shrunk = await caravan(['shrink', ...at, '4M'])
    expect([shrunk.code, shrunk.err]).toEqual([0, expect.stringContaining('keeps its length')])
    expectOnlyIn(path, dump, PARTITIONS.storage)
    for (const argv of [
      ['grow', ...at, '6M'],
      ['put', ...at, file, '/www/new.txt'],
      ['mkdir', ...at, '/logs'],
      ['cp', ...at, '/www/new.txt', '/logs'],
      ['mv', ...at, '/www/new.txt', '/moved'],
      ['touch', ...at, '/touched'],
      ['attr', '--set', 't=0x01', ...at, '/moved'],
      ['rm', '-r', ...at, '/www'],
      ['kv', 'set', ...at, '/key', 'value'],
      ['repair', ...at],
    ]) {
      const before = readFileSync(path)
      const { code, err } = await caravan(argv, { stdin: Buffer.from('value') })
      expect([argv, code, err]).toEqual([argv, 0, ''])
      if (argv[0] !== 'repair') expectOnlyIn(path, before, PARTITIONS.storage)
    }
    expect(soundTree(partOf(path, PARTITIONS.storage))).toMatchObject({
      '/logs': null,
      '/logs/new.txt': 'new',
      '/moved': 'new',
      '/touched': '',
    })
  })

  it('and made like a directory by sync, which verify then finds no difference in', async () => {
    const path = fileOf(dump)
    const tree = hostTree({ 'www/index.html': '<h1>changed</h1>', 'logs/one': 'x'.repeat(9000) })
    const at = ['--partition', 'storage']
    expect((await caravan(['verify', ...at, path, tree])).code).toBe(1)
    const { code, err } = await caravan(['sync', '--delete', ...at, tree, path])
    expect([code, err]).toEqual([0, ''])
    expectOnlyIn(path, dump, PARTITIONS.storage)
    expect((await caravan(['verify', ...at, path, tree])).code).toBe(0)
    const synced = readFileSync(path)
    expect((await caravan(['sync', '--delete', ...at, tree, path])).code).toBe(0)
    expect(readFileSync(path).equals(synced)).toBe(true)
    expect(soundTree(partOf(path, PARTITIONS.storage))).toEqual({
      '/www': null,
      '/www/index.html': '<h1>changed</h1>',
      '/logs': null,
      '/logs/one': 'x'.repeat(9000),
    })
  })

  it('filled to its end, and not grown beyond it', async () => {
    const path = fileOf(dump)
    const at = ['--partition', 'settings', path]
    const large = fileOf(Buffer.alloc(200_000, 'x'))
    expect((await caravan(['put', '-q', ...at, large, '/large'])).code).toBe(0)
    const full = await caravan(['put', '-q', ...at, large, '/more'])
    expect([full.code, full.err]).toEqual([1, expect.stringContaining('13 are free')])
    expectOnlyIn(path, dump, PARTITIONS.settings)
    const before = readFileSync(path)
    const grown = await caravan(['grow', ...at, '512K'])
    expect([grown.code, grown.err]).toEqual([
      1,
      expect.stringContaining('there is room for 256 KiB from byte 2162688 on'),
    ])
    expect((await caravan(['grow', '--force', ...at, '512K'])).code).toBe(1)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('formatted, as large as its partition', async () => {
    const path = fileOf(dump)
    expect((await caravan(['format', '--partition', 'old', path])).err).toContain('holds something')
    expect(readFileSync(path).equals(dump)).toBe(true)
    const { code, out } = await caravan(['format', '--force', '--partition', 'old', path])
    expect([code, out]).toEqual([0, expect.stringContaining('256 blocks of 4096 bytes (1 MiB)')])
    expectOnlyIn(path, dump, PARTITIONS.old)
    expect(soundTree(partOf(path, PARTITIONS.old))).toEqual({})
    const beyond = await caravan(['format', '-f', '--size', '2M', '--partition', 'old', path])
    expect([beyond.code, beyond.err]).toEqual([1, expect.stringContaining('do not fit')])
  })

  it('from one partition into another of the same dump', async () => {
    const path = fileOf(dump)
    const { code, err } = await caravan([
      ...['cp', '-q', '--partition', 'storage', '--to', path, '--to-partition', 'settings'],
      ...[path, '/www/index.html', '/'],
    ])
    expect([code, err]).toEqual([0, ''])
    expectOnlyIn(path, dump, PARTITIONS.settings)
    expect(soundTree(partOf(path, PARTITIONS.settings))).toEqual({
      '/index.html': '<h1>hello</h1>',
      '/wifi.json': '{}',
    })
  })

  it('two names of one partition are one place', async () => {
    const path = fileOf(dump)
    const { code, err } = await caravan([
      ...['cp', '-q', '--partition', 'settings', '--to', path, '--to-offset', '0x210000'],
      ...[path, '/wifi.json', '/copy'],
    ])
    expect([code, err]).toEqual([0, ''])
    expectOnlyIn(path, dump, PARTITIONS.settings)
  })
})

describe('a dump with one littlefs', () => {
  it('is opened where it is found, and only that is written', async () => {
    const one = Buffer.from(bare)
    const [start, size] = PARTITIONS.storage
    one.fill(0xff, start, start + size)
    const path = fileOf(one)
    const { code, out, err } = await caravan(['cat', path, '/wifi.json'])
    expect([code, out]).toEqual([0, '{}'])
    expect(err).toMatch(
      /littlefs 2\.1 at 0x210000 \(256 KiB; both superblocks, CRC good, .*: opened\.\n$/,
    )
    expect((await caravan(['put', path, fileOf(Buffer.from('x')), '/x'])).code).toBe(0)
    expectOnlyIn(path, one, PARTITIONS.settings)
    const grown = await caravan(['grow', path, '512K'])
    expect([grown.code, grown.err]).toEqual([
      1,
      expect.stringContaining('there is room for 256 KiB'),
    ])
  })

  it('of which no checksum is good is read, but not written', async () => {
    const image = await littlefsImage(0x40000, { a: 'x' })
    for (const block of [0, 1]) image[4096 * block + 60] = 0x5a
    const damaged = Buffer.concat([Buffer.alloc(0x10000, 'firmware'), image])
    const path = fileOf(damaged)
    const { err } = await caravan(['ls', path])
    expect(err).toContain('no good CRC')
    const put = await caravan(['put', path, fileOf(Buffer.from('x')), '/x'])
    expect([put.code, put.err]).toEqual([1, expect.stringContaining('Nothing certain was found')])
    expect(readFileSync(path).equals(damaged)).toBe(true)
  })
})

describe('partitions', () => {
  it('are listed, of a dump, a table, and as the one or the other', async () => {
    const path = dumpPath
    const listed = await caravan(['partitions', path])
    expect(listed.out).toMatch(/^0x210000 {2}256 KiB {2}settings {2}data {2}littlefs$/m)
    const csv = imageFile(Buffer.from(PARTITIONS_CSV), 'csv')
    expect((await caravan(['partitions', csv])).out).toBe(listed.out)
    const binary = await caravan(['partitions', '--binary', csv])
    expect(binary.outBytes.equals(partitionTable().subarray(0, 0xc00))).toBe(true)
    const again = await caravan(['partitions', '--csv', imageFile(binary.outBytes, 'bin')])
    expect((await caravan(['partitions', '-'], { stdin: again.outBytes })).out).toBe(listed.out)
    const json = JSON.parse((await caravan(['partitions', '--json', path])).out) as object[]
    expect(json[2]).toEqual({
      ...{ name: 'settings', type: 'data', subtype: 'littlefs', offset: 0x210000, size: 0x40000 },
      ...{ encrypted: false, readOnly: false },
    })
  })

  it('elsewhere than at 0x8000', async () => {
    const moved = Buffer.from(bare)
    moved.set(partitionTable(), 0x7000)
    const path = fileOf(moved)
    const at = ['--table-offset', '0x7000', path]
    expect((await caravan(['partitions', ...at])).out).toContain('settings')
    const { out } = await caravan(['cat', '--partition', 'settings', ...at, '/wifi.json'])
    expect(out).toBe('{}')
  })

  it.each([
    [['--partition', 'storag'], 1, "There is no partition 'storag'. The table has: nvs, factory,"],
    [
      ['--partition', 'old'],
      1,
      'This is a SPIFFS filesystem (its magic in every block, 256 blocks',
    ],
    [['--partition', 'media'], 1, 'This is a FAT filesystem'],
    [['--partition', 'factory'], 1, 'This is encrypted data, as it looks'],
    [['--partition', 'nvs'], 1, 'This is erased flash'],
    [['--partition', 'settings', '--offset', '0'], 2, 'Leave out --offset and --size'],
    [['--table-offset', '0x9000'], 2, 'go with --partition NAME'],
    [
      ['--partition', 'settings', '--table-offset', '0'],
      1,
      'No ESP32 partition table begins there',
    ],
    [['--offset', '0x350000', '--size', '16M'], 2, 'ends beyond'],
    [['--offset', '17M'], 2, 'lies beyond the end'],
    [['--offset', '0x350000', '--block-size', '8192'], 1, 'Give 4096, or none to have it found'],
    [['--offset', '0x350000', '--block-size', '512'], 1, 'Give 4096, or none to have it found'],
    [['--offset', '0x350000', '--format', 'notafs'], 1, 'notafs'],
  ])('%j: exit code %i, %s', async (argv, code, message) => {
    const outcome = await caravan(['ls', ...argv, dumpPath])
    expect([outcome.code, outcome.err]).toEqual([code, expect.stringContaining(message)])
  })

  it('a table of which a bit has changed is not followed; a dump that was cut short is told', async () => {
    const path = fileOf(Buffer.from(dump).fill(1, 0x8004, 0x8005))
    const bad = await caravan(['ls', '--partition', 'settings', path])
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('its MD5 is')])
    const cut = await caravan(['ls', '--partition', 'media', fileOf(dump.subarray(0, 0xa00000))])
    expect([cut.code, cut.err]).toEqual([1, expect.stringContaining('it was cut short')])
  })
})
