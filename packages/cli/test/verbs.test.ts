/** Each verb on a golden image: what a person sees, and what a program gets. */

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { replaceName } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenBytes, goldenImage, imageFile } from './harness.js'

const esp = goldenImage('field-esp-idf-2.1')
const micropython = goldenImage('field-micropython')

/** The output of a command that must succeed without a word on standard error. */
async function output(...argv: string[]): Promise<string> {
  const { code, out, err } = await caravan(argv)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

async function json(...argv: string[]): Promise<unknown> {
  return JSON.parse(await output(...argv, '--json'))
}

describe('info', () => {
  test('says what the image is', async () => {
    const shown = await output('info', esp)
    expect(shown).toContain('littlefs 2.1\n')
    expect(shown).toContain('320 KiB (327680 bytes)')
    expect(shown).toContain('80 of 4096 bytes (found in the superblock)')
    expect(shown).toContain('18 blocks (22.5%), free 248 KiB')
    expect(shown).toContain('names 64 bytes')
    expect(shown).toContain('state   clean')
  })

  test('--json', async () => {
    expect(await json('info', '--block-size', '4K', esp)).toEqual({
      format: 'littlefs',
      diskVersion: '2.1',
      blockSize: 4096,
      blockSizeFrom: 'given',
      blockCount: 80,
      nameMax: 64,
      fileMax: 2147483647,
      attrMax: 1022,
      rootPair: [1, 0],
      revision: expect.any(Number),
      usedBlocks: 18,
      freeBlocks: 62,
      hasOrphans: false,
      pendingMove: null,
      needsSuperblock: false,
      image: { sizeBytes: 327680, offsetBytes: 0 },
    })
  })

  test('a partition within a larger image', async () => {
    const dump = Buffer.concat([Buffer.alloc(0x10000, 0xff), goldenBytes('field-esp-idf-2.1')])
    const path = imageFile(Buffer.concat([dump, Buffer.alloc(8192)]), 'dump')
    const shown = await output('info', '--offset', '0x10000', path)
    expect(shown).toContain('from byte 65536 on: 8192 bytes follow the filesystem')
  })

  test('an interrupted rename shows in the state', async () => {
    const { out } = await caravan(['info', goldenImage('corrupt-gstate-move-pending')])
    expect(out).toContain('a rename was interrupted')
  })

  test('an image that was cut short', async () => {
    const { out } = await caravan(['info', goldenImage('corrupt-truncated-half')])
    expect(out).toContain('cut short, 16384 bytes of the filesystem are missing')
  })
})

describe('ls', () => {
  test('a directory, its names sorted', async () => {
    expect(await output('ls', esp)).toBe('boot_count\ncfg/\nwww/\n')
    expect(await output('ls', esp, 'www')).toBe('img/\nindex.html\njs/\nstyle.css\n')
  })

  test('-l shows type, size and time', async () => {
    expect(await output('ls', '-l', esp)).toBe(
      '-  4  2023-11-14 22:13:20  boot_count\n' +
        'd  -                       cfg/\n' +
        'd  -                       www/\n',
    )
  })

  test('-R shows everything with its whole path', async () => {
    const lines = (await output('ls', '-R', esp)).trimEnd().split('\n')
    expect(lines).toHaveLength(12)
    expect(lines).toContain('/www/js/app.js')
    expect(lines).toContain('/www/js/')
  })

  test('a file is listed itself', async () => {
    expect(await output('ls', esp, '/cfg/wifi.json')).toBe('wifi.json\n')
  })

  test('--json', async () => {
    expect(await json('ls', esp, '/cfg')).toEqual([
      { path: '/cfg/state.bin', type: 'file', size: 32, attributes: {} },
      {
        path: '/cfg/wifi.json',
        type: 'file',
        size: 120,
        modified: '2023-11-14T22:13:20.000Z',
        attributes: { '0x74': '00f1536500000000' },
      },
    ])
  })

  test('from standard input', async () => {
    const { code, out } = await caravan(['ls', '-'], { stdin: goldenBytes('field-esp-idf-2.1') })
    expect(code).toBe(0)
    expect(out).toBe('boot_count\ncfg/\nwww/\n')
  })
})

describe('tree', () => {
  test('draws everything', async () => {
    expect(await output('tree', esp)).toBe(
      `/
├── boot_count (4 B)
├── cfg/
│   ├── state.bin (32 B)
│   └── wifi.json (120 B)
└── www/
    ├── img/
    │   └── logo.png (3.8 KiB)
    ├── index.html (2.3 KiB)
    ├── js/
    │   └── app.js (13.6 KiB)
    └── style.css (5.6 KiB)

4 directories, 7 files, 25.3 KiB
`,
    )
  })

  test('of one directory, --json', async () => {
    const tree = await json('tree', esp, '/www/js')
    expect(tree).toMatchObject({
      name: 'js',
      path: '/www/js',
      type: 'directory',
      children: [{ name: 'app.js', path: '/www/js/app.js', type: 'file', size: 13879 }],
    })
  })
})

describe('stat', () => {
  test('of a file', async () => {
    expect(await output('stat', esp, '/cfg/wifi.json')).toBe(
      `path        /cfg/wifi.json
type        file
size        120 bytes
modified    2023-11-14 22:13:20 UTC
attributes  0x74 't'     8 bytes  00f1536500000000  2023-11-14 22:13:20 UTC
`,
    )
  })

  test('of a directory, --json', async () => {
    expect(await json('stat', esp, '/www')).toEqual({
      path: '/www',
      type: 'directory',
      size: 0,
      attributes: {},
    })
  })

  test("MicroPython's time, in nanoseconds", async () => {
    const listed = (await json('ls', '-R', micropython)) as { modified?: string }[]
    const times = listed.flatMap(({ modified }) => modified ?? [])
    expect(times.length).toBeGreaterThan(0)
    for (const time of times) expect(time).toMatch(/^20[0-9]{2}-/)
  })
})

describe('df', () => {
  test('says how full it is', async () => {
    const lines = (await output('df', esp)).split('\n')
    expect(lines[1]).toMatch(/^total +80 +327680 +320 KiB$/)
    expect(lines[2]).toMatch(/^used +18 +73728 +72 KiB +22.5%$/)
    expect(lines[3]).toMatch(/^free +62 +253952 +248 KiB +77.5%$/)
  })

  test('--json', async () => {
    const space = { blockSize: 4096, blockCount: 80, usedBlocks: 18, freeBlocks: 62 }
    expect(await json('df', esp)).toEqual(space)
  })
})

describe('cat', () => {
  test('files, byte for byte', async () => {
    const one = await caravan(['cat', esp, '/www/img/logo.png'])
    const two = await caravan(['cat', esp, '/www/img/logo.png', 'boot_count'])
    expect(one.outBytes).toHaveLength(3847)
    expect(two.outBytes.subarray(0, 3847).equals(one.outBytes)).toBe(true)
    expect(two.outBytes).toHaveLength(3847 + 4)
  })

  test('one that is missing does not keep the others back', async () => {
    const { code, outBytes, err } = await caravan(['cat', esp, '/nope', '/boot_count'])
    expect(code).toBe(1)
    expect(outBytes).toHaveLength(4)
    expect(err).toContain('/nope: no such file or directory')
  })
})

describe('get', () => {
  test('under another name, into a directory, to standard output', async () => {
    const content = (await caravan(['cat', esp, '/cfg/wifi.json'])).outBytes
    const target = freshPath()
    expect(await output('get', esp, '/cfg/wifi.json', target)).toBe('')
    expect(readFileSync(target).equals(content)).toBe(true)
    expect(statSync(target).mtime.toISOString()).toBe('2023-11-14T22:13:20.000Z')
    const { outBytes } = await caravan(['get', esp, '/cfg/wifi.json', '-'])
    expect(outBytes.equals(content)).toBe(true)
    const directory = freshPath()
    await output('extract', '--quiet', esp, directory, '/www/js')
    await output('get', esp, '/cfg/wifi.json', directory)
    expect(readFileSync(join(directory, 'wifi.json')).equals(content)).toBe(true)
  })

  test('replaces nothing unless told so', async () => {
    const target = freshPath()
    await output('get', esp, '/cfg/wifi.json', target)
    const { code, err } = await caravan(['get', esp, '/boot_count', target])
    expect(code).toBe(1)
    expect(err).toBe(`caravan: ${target}: already there. Use --force to replace it.\n`)
    expect(readFileSync(target)).toHaveLength(120)
    await output('get', '--force', esp, '/boot_count', target)
    expect(readFileSync(target)).toHaveLength(4)
  })
})

describe('attr', () => {
  test('all of them, one, raw, --json', async () => {
    const line = "0x74 't'     8 bytes  00f1536500000000  2023-11-14 22:13:20 UTC\n"
    expect(await output('attr', esp, '/cfg/wifi.json')).toBe(line)
    for (const type of ['t', '0x74', '116']) {
      expect(await output('attr', esp, '/cfg/wifi.json', type)).toBe('00f1536500000000\n')
    }
    const { outBytes } = await caravan(['attr', '--raw', esp, '/cfg/wifi.json', 't'])
    expect(outBytes.toString('hex')).toBe('00f1536500000000')
    const attributes = { '0x74': '00f1536500000000' }
    expect(await json('attr', esp, '/cfg/wifi.json')).toEqual(attributes)
    expect(await json('attr', esp, '/cfg/wifi.json', 't')).toEqual(attributes)
    expect(await output('attr', esp, '/www')).toBe('')
  })
})

describe('map', () => {
  test('draws every block, wrapped to the terminal, with a legend', async () => {
    const { out } = await caravan(['map', esp], { columns: 40, env: { NO_COLOR: '1' } })
    expect(out).toBe(
      ` 0  ◇◆······························
32  ···················◆◇◆◇◆◇◆◇█████
64  ███·············

◆  metadata, in force     5 blocks  6.3%
◇  metadata, other half   5 blocks  6.3%
█  data                   8 blocks  10%
·  free                  62 blocks  77.5%
`,
    )
  })

  test('in colours on a terminal, in ASCII where the locale knows no more', async () => {
    const coloured = await caravan(['map', esp], { columns: 80 })
    expect(coloured.out).toContain('\x1b[36m')
    const forced = await caravan(['map', esp], { env: { FORCE_COLOR: '1' } })
    expect(forced.out).toContain('\x1b[36m')
    const plain = await caravan(['map', esp], { env: { LANG: 'C' } })
    expect(plain.out).toContain(' 0  mM....')
  })

  test('several blocks in a character', async () => {
    const shown = await output('map', '--per-cell', '8', esp)
    expect(shown.split('\n')[0]).toBe(' 0  ◆·····◆◆▒·')
    expect(shown).toContain('Each character stands for 8 blocks (32 KiB)')
  })

  test('--list and --json name the owners', async () => {
    expect(await output('map', '--list', esp)).toContain(
      '66  data                  /www/img/logo.png\n',
    )
    const { used } = (await json('map', esp)) as { used: unknown[] }
    expect(used).toHaveLength(18)
    expect(used).toContainEqual({ block: 0, kind: 'metadata', active: false, path: '/' })
    expect(used).toContainEqual({ block: 66, kind: 'data', path: '/www/img/logo.png' })
  })
})

describe('names that are no text', () => {
  const latin1 = Uint8Array.of(0x63, 0x61, 0x66, 0xe9)
  const image = imageFile(replaceName(goldenBytes('corrupt-none'), 512, 'note', latin1), 'latin1')

  test('are written byte for byte into a pipe, harmless on a terminal', async () => {
    const { outBytes } = await caravan(['ls', image])
    expect(outBytes.includes(Buffer.from(latin1))).toBe(true)
    const { out } = await caravan(['ls', image], { columns: 80, env: { NO_COLOR: '1' } })
    expect(out).toContain('caf%E9\n')
  })

  test('can be shown and given in percent notation', async () => {
    expect(await output('ls', '--escaped', image)).toContain('caf%E9\n')
    expect(await output('cat', '--escaped', image, '/caf%E9')).not.toBe('')
    expect(await json('stat', '-E', image, 'caf%E9')).toMatchObject({
      path: '/caf\ufffd',
      pathHex: '2f636166e9',
      type: 'file',
    })
  })

  test('cannot move the cursor of a terminal', async () => {
    const hostile = replaceName(goldenBytes('corrupt-none'), 512, 'note', '\x1b[2J')
    const { out } = await caravan(['tree', imageFile(hostile, 'hostile')], {
      columns: 80,
      env: { NO_COLOR: '1' },
    })
    expect(out).toContain('%1B[2J')
    expect(out).not.toContain('\x1b')
  })
})
