/** What the recordings do not show of littlefs-python: limits, links, encodings, what stays when it fails. */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { buildImage, LittleFS } from '@caravan/littlefs'
import { replaceName } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { littlefsPython } from '../src/index.js'
import { type Around, call, freshPath, scratch } from './harness.js'

const BLOCK_SIZE = 4096
const SIZES = ['--block-size', '4096', '--fs-size', '64kb']
const TOP_USAGE = 'usage: littlefs-python [-h] [--version] {create,extract,list,repl} ...\n'

/** A directory of a call, with a tree in `dir`: content by path; a path with a slash at its end is a directory. */
function place(tree: Readonly<Record<string, string | Uint8Array>>): string {
  const cwd = freshPath()
  mkdirSync(join(cwd, 'dir'), { recursive: true })
  for (const [path, content] of Object.entries(tree)) {
    const target = join(cwd, 'dir', path)
    mkdirSync(path.endsWith('/') ? target : join(target, '..'), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(target, content)
  }
  return cwd
}

const SMALL = { 'a.txt': 'hello\n', 'sub/b.bin': new Uint8Array(900).fill(7), 'empty/': '' }

function run(cwd: string, argv: readonly string[], around: Around = {}) {
  return call(littlefsPython, argv, { cwd, ...around })
}

function mount(image: string, options = {}): LittleFS {
  const bytes = new Uint8Array(readFileSync(image))
  return LittleFS.mountSync(new MemoryDevice(bytes, { blockSize: BLOCK_SIZE }), options)
}

const NOBODY = 65534

/** The mode of a file says nothing to root. */
async function asSomebody<T>(act: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return act()
  chmodSync(scratch, 0o755)
  process.seteuid?.(NOBODY)
  try {
    return await act()
  } finally {
    process.seteuid?.(0)
  }
}

async function imageOf(tree: Parameters<typeof place>[0], ...options: string[]): Promise<string> {
  const cwd = place(tree)
  const { code, err } = await run(cwd, ['create', 'dir', 'fs.img', ...SIZES, ...options])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return cwd
}

describe('create', () => {
  it('refuses a size that is no whole number of blocks, and says how it is called', async () => {
    const cwd = place(SMALL)
    const { code, err } = await run(cwd, [
      'create',
      'dir',
      '--block-size',
      '4kb',
      '--fs-size=70001',
    ])
    expect(code).toBe(2)
    expect(err).toBe(
      `${TOP_USAGE}littlefs-python: error: fs-size must be a multiple of block-size.\n`,
    )
    expect(readdirSync(cwd)).toEqual(['dir'])
  })

  it.each([
    ['--attr-max=1023', '--attr-max is 1023: give a number from 0 to 1022.'],
    ['--attr-max=-1', '--attr-max is -1: give a number from 0 to 1022.'],
    ['--file-max=2147483648', '--file-max is 2147483648: give a number from 0 to 2147483647.'],
    ['--inline-max=513', '--inline-max is 513: give a number from 0 to 512.'],
    ['--name-max=1kb', '--name-max is 1024: give a number from 0 to 1022.'],
    ['--block-size=127', '--block-size is 127: give a number from 128 to 4294967295.'],
    ['--block-size=4gb', '--block-size is 4294967296: give a number from 128 to 4294967295.'],
  ])('refuses %s', async (option, sentence) => {
    const cwd = place(SMALL)
    const argv = ['create', 'dir', '--block-size', '4096', '--block-count', '16', option]
    const { code, out, err } = await run(cwd, argv)
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: `littlefs-python: error: ${sentence}\n`,
    })
    expect(existsSync(join(cwd, 'lfs.bin'))).toBe(false)
  })

  it('takes what an attribute may have for the largest inline file, too', async () => {
    const cwd = place(SMALL)
    const argv = ['create', 'dir', ...SIZES, '--attr-max', '100', '--inline-max', '101']
    expect((await run(cwd, argv)).err).toContain(
      '--inline-max is 101: give a number from 0 to 100.',
    )
  })

  it.each([
    ['--block-count', '4294967295', 'more than fit in memory'],
    ['--block-count', '9999999999999999999999', 'more than fit in memory'],
    ['--fs-size', '4096', 'littlefs needs at least two blocks of 4096 bytes'],
    ['--fs-size', '0', 'littlefs needs at least two blocks of 4096 bytes'],
  ])('refuses %s %s', async (option, value, sentence) => {
    const { code, err } = await run(place(SMALL), [
      'create',
      'dir',
      '--block-size=4096',
      option,
      value,
    ])
    expect(code).toBe(1)
    expect(err).toContain(sentence)
  })

  it('writes the limits that it is given into the superblock', async () => {
    const limits = ['--name-max', '0x40', '--attr-max', '0', '--file-max', '1000']
    const cwd = await imageOf(SMALL, ...limits)
    expect(mount(join(cwd, 'fs.img')).info()).toMatchObject({
      diskVersion: '2.1',
      nameMax: 64,
      attrMax: 1022,
      fileMax: 1000,
    })
  })

  it('has an inline limit of its own', async () => {
    const sizes = { small: new Uint8Array(64), large: new Uint8Array(65) }
    const usedBlocks = async (...options: string[]) =>
      mount(join(await imageOf(sizes, ...options), 'fs.img')).dfSync().usedBlocks
    expect(await usedBlocks()).toBe(2)
    expect(await usedBlocks('--inline-max', '64')).toBe(3)
    expect(await usedBlocks('--inline-max', '16')).toBe(4)
  })

  it('follows links, to directories too', async () => {
    const cwd = place(SMALL)
    symlinkSync('../dir/sub', join(cwd, 'dir', 'linked'))
    symlinkSync('a.txt', join(cwd, 'dir', 'alias'))
    expect((await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])).code).toBe(0)
    const fs = mount(join(cwd, 'fs.img'))
    expect(fs.readFileSync('/alias', 'utf8')).toBe('hello\n')
    expect(fs.statSync('/linked/b.bin').size).toBe(900)
  })

  it('refuses a link that leads back to a directory that it is in', async () => {
    const cwd = place(SMALL)
    symlinkSync('..', join(cwd, 'dir', 'sub', 'up'))
    const { code, err } = await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])
    expect(code).toBe(1)
    expect(err).toContain(`the link '${join(cwd, 'dir', 'sub', 'up')}' leads back`)
    expect(readdirSync(cwd)).toEqual(['dir'])
  })

  it('tells which directory cannot be read', async () => {
    const cwd = place(SMALL)
    const locked = join(cwd, 'dir', 'sub')
    chmodSync(locked, 0o000)
    try {
      const { code, err } = await asSomebody(() => run(cwd, ['create', 'dir', 'fs.img', ...SIZES]))
      expect(code).toBe(1)
      expect(err).toMatch(/^littlefs-python: error: EACCES: permission denied, scandir '.*sub'\n$/)
    } finally {
      chmodSync(locked, 0o755)
    }
  })

  it('refuses a pipe', async () => {
    const cwd = place(SMALL)
    expect(spawnSync('mkfifo', [join(cwd, 'dir', 'pipe')]).status).toBe(0)
    const { code, err } = await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])
    expect(code).toBe(1)
    expect(err).toContain('is no file and no directory')
  })

  it('refuses a name that is no text', async () => {
    const cwd = place(SMALL)
    writeFileSync(Buffer.concat([Buffer.from(join(cwd, 'dir', 'n')), Buffer.from([0xff])]), '')
    const { code, err } = await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])
    expect(code).toBe(1)
    expect(err).toContain('is not UTF-8')
  })

  it('tells of each entry, and of the limits that are given', async () => {
    const cwd = place(SMALL)
    const { out } = await run(cwd, [
      'create',
      './dir/',
      './x/../fs.img',
      ...SIZES,
      '-v',
      '--file-max=900',
    ])
    expect(out).toBe(
      [
        'LittleFS Configuration:',
        '  Block Size:       4096  /  0x1000',
        '  Image Size:      65536  /  0x10000',
        '  Block Count:        16',
        '  Name Max:          255',
        '  File Max:          900',
        '  Image:       x/../fs.img',
        'Adding Directory: empty',
        'Adding Directory: sub',
        'Adding File:      a.txt',
        'Adding File:      sub/b.bin',
        '',
      ].join('\n'),
    )
  })

  it('leaves what stood there when it fails or is interrupted', async () => {
    const cwd = place({ ...SMALL, 'large.bin': new Uint8Array(100_000) })
    writeFileSync(join(cwd, 'fs.img'), 'old')
    const failed = await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain("no room is left for 'large.bin' in 16 blocks of 4096 bytes")
    const stop = new AbortController()
    const argv = ['create', 'dir', 'fs.img', '--block-size=4096', '--fs-size=1mb', '-v']
    const interrupted = await run(cwd, argv, {
      signal: stop.signal,
      onOutput: (piece) => piece.includes('large.bin') && stop.abort(),
    })
    expect(interrupted).toMatchObject({ code: 130, err: 'littlefs-python: error: interrupted\n' })
    expect(readFileSync(join(cwd, 'fs.img'), 'utf8')).toBe('old')
    expect(readdirSync(cwd).sort()).toEqual(['dir', 'fs.img'])
  })

  it('replaces what a link leads to, and keeps the mode of a file', async () => {
    const cwd = place(SMALL)
    writeFileSync(join(cwd, 'real.img'), 'old')
    chmodSync(join(cwd, 'real.img'), 0o600)
    symlinkSync('real.img', join(cwd, 'fs.img'))
    expect((await run(cwd, ['create', 'dir', 'fs.img', ...SIZES])).code).toBe(0)
    expect(lstatSync(join(cwd, 'fs.img')).isSymbolicLink()).toBe(true)
    expect(statSync(join(cwd, 'real.img'))).toMatchObject({ size: 65536, mode: 0o100600 })
  })

  it('writes into a device', async () => {
    expect(await run(place(SMALL), ['create', 'dir', '/dev/null', ...SIZES])).toEqual({
      code: 0,
      out: '',
      err: '',
    })
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  it('makes the same bytes of the same files', async () => {
    const [one, other] = [await imageOf(SMALL), await imageOf(SMALL)]
    expect(readFileSync(join(one, 'fs.img'))).toEqual(readFileSync(join(other, 'fs.img')))
  })
})

describe('a compact image', () => {
  it('has the blocks that are used and no more, and can be read and grown', async () => {
    const cwd = await imageOf(SMALL, '--compact', '--no-pad')
    const padded = await imageOf(SMALL, '--compact')
    const bytes = readFileSync(join(cwd, 'fs.img'))
    const whole = readFileSync(join(padded, 'fs.img'))
    expect(bytes.length).toBe(7 * BLOCK_SIZE)
    expect(whole.subarray(0, bytes.length)).toEqual(bytes)
    expect(whole.subarray(bytes.length).every((byte) => byte === 0xff)).toBe(true)
    const { out } = await run(cwd, ['list', 'fs.img', '--block-size', '4096', '-v'])
    expect(out).toContain('  Input Image Size (compacted):     28672  /  0x7000\n')
  })
})

describe('list and extract', () => {
  it('say which blocks the image has', async () => {
    const cwd = await imageOf(SMALL)
    for (const size of ['512', '2048', '8192', '1000']) {
      const { code, err } = await run(cwd, ['list', 'fs.img', '--block-size', size])
      expect(code).toBe(1)
      expect(err).toContain(`the image has blocks of 4096 bytes, and --block-size is ${size}.`)
    }
  })

  it('say which limit the image has', async () => {
    const cwd = await imageOf(SMALL, '--name-max', '300')
    const argv = ['extract', 'fs.img', 'out', '--block-size', '4096']
    const { code, err } = await run(cwd, argv)
    expect({ code, err }).toEqual({
      code: 1,
      err: 'littlefs-python: error: the image was made with --name-max 300, and --name-max is 255 here. Give 300. (LFS_ERR_INVAL)\n',
    })
    expect(existsSync(join(cwd, 'out'))).toBe(false)
    expect((await run(cwd, [...argv, '--name-max', '300'])).code).toBe(0)
    expect((await run(cwd, [...argv, '--name-max', '0'])).code).toBe(0)
    const attr = await run(cwd, [...argv, '--name-max=300', '--attr-max=100'])
    expect(attr.err).toContain('made with --attr-max 1022, and --attr-max is 100 here')
  })

  it('extract onto a file is refused on standard output', async () => {
    const cwd = await imageOf(SMALL)
    const argv = ['extract', 'fs.img', 'dir/a.txt', '--block-size', '4096']
    expect(await run(cwd, argv)).toEqual({
      code: 1,
      out: 'Destination must be a directory.\n',
      err: '',
    })
  })

  it('extract into the current directory where none is named', async () => {
    const cwd = await imageOf(SMALL)
    const inside = join(cwd, 'inside')
    mkdirSync(inside)
    const argv = ['extract', '../fs.img', '--block-size', '4096', '-v']
    const { code, out } = await run(inside, argv)
    expect(code).toBe(0)
    expect(out).toContain(`/sub/b.bin ${join(inside, 'sub', 'b.bin')}\n`)
    expect(readdirSync(inside).sort()).toEqual(['a.txt', 'empty', 'sub'])
    const above = await run(inside, [...argv.slice(0, 2), './/../up/', ...argv.slice(2)])
    expect(above.out).toContain(`/a.txt ${inside}/../up/a.txt\n`)
    expect(readFileSync(join(inside, 'sub', 'b.bin'))).toEqual(Buffer.alloc(900, 7))
  })

  it('take a destination behind options, as argparse does since Python 3.12.7', async () => {
    const cwd = place(SMALL)
    expect((await run(cwd, ['create', 'dir', ...SIZES, 'x.img'])).code).toBe(0)
    expect((await run(cwd, ['extract', 'x.img', '--block-size', '4096', 'out'])).code).toBe(0)
    expect(readFileSync(join(cwd, 'out', 'a.txt'), 'utf8')).toBe('hello\n')
  })

  it('follow links that stand in the destination', async () => {
    const cwd = await imageOf(SMALL)
    for (const name of ['out', 'real']) mkdirSync(join(cwd, name))
    writeFileSync(join(cwd, 'real', 'file'), 'old')
    symlinkSync('../real', join(cwd, 'out', 'sub'))
    symlinkSync('../real/file', join(cwd, 'out', 'a.txt'))
    expect((await run(cwd, ['extract', 'fs.img', 'out', '--block-size', '4096'])).code).toBe(0)
    expect(readdirSync(join(cwd, 'real')).sort()).toEqual(['b.bin', 'file'])
    expect(readFileSync(join(cwd, 'real', 'file'), 'utf8')).toBe('hello\n')
    expect(lstatSync(join(cwd, 'out', 'a.txt')).isSymbolicLink()).toBe(true)
  })

  it('write nothing outside the destination, whatever names the image has', async () => {
    const image = await buildImage(
      [
        { path: '/ab/x_escaped', data: 'evil' },
        { path: '/zz', data: 'fine' },
      ],
      { blockSize: BLOCK_SIZE, blockCount: 16 },
    )
    const cwd = place({})
    writeFileSync(join(cwd, 'slash.img'), replaceName(image, BLOCK_SIZE, 'x_escaped', '../escape'))
    const slash = await run(cwd, ['extract', 'slash.img', 'out', '--block-size', '4096'])
    expect(slash.code).toBe(1)
    expect(slash.err).toContain("'/ab/../escape' cannot be a file of this computer")
    writeFileSync(join(cwd, 'dots.img'), replaceName(image, BLOCK_SIZE, 'ab', '..'))
    const dots = await run(cwd, ['extract', 'dots.img', 'out2', '--block-size', '4096'])
    expect(dots.code).toBe(0)
    expect(readdirSync(join(cwd, 'out2'))).toEqual(['zz'])
    expect(readdirSync(cwd).sort()).toEqual(['dir', 'dots.img', 'out', 'out2', 'slash.img'])
  })

  it('tell of a damaged directory', async () => {
    const cwd = await imageOf({ ...SMALL, 'sub/deep/c': 'c' })
    const fs = mount(join(cwd, 'fs.img'))
    const uses = fs
      .blockUseSync()
      .filter(({ kind, path }) => kind === 'metadata' && path === '/sub')
    const bytes = readFileSync(join(cwd, 'fs.img'))
    expect(uses.length).toBeGreaterThan(0)
    for (const { block } of uses) bytes.fill(0, block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
    writeFileSync(join(cwd, 'fs.img'), bytes)
    const { code, err } = await run(cwd, ['list', 'fs.img', '--block-size', '4096'])
    expect(code).toBe(1)
    expect(err).toMatch(/^littlefs-python: error: .*\(LFS_ERR_CORRUPT\)\n$/)
  })

  it('keep names in the encoding that is given', async () => {
    const cwd = await imageOf({ '日本/ソ.txt': 'x' }, '--filename-encoding', 'shift-jis')
    const found = mount(join(cwd, 'fs.img')).reference.readdirSync('/', { encoding: 'buffer' })
    expect(found.map((name) => Buffer.from(name).toString('hex'))).toEqual(['93fa967b'])
    const given = ['--block-size', '4096', '--filename-encoding=shift_jis']
    expect((await run(cwd, ['list', 'fs.img', ...given])).out).toBe('/日本\n/日本/ソ.txt\n')
    expect((await run(cwd, ['extract', 'fs.img', 'out', ...given])).code).toBe(0)
    expect(readFileSync(join(cwd, 'out', '日本', 'ソ.txt'), 'utf8')).toBe('x')
    const plain = await run(cwd, ['list', 'fs.img', '--block-size', '4096'])
    expect(plain).toMatchObject({ code: 1, out: '' })
    expect(plain.err).toContain('is not utf-8. Give the --filename-encoding')
    const unknown = await run(cwd, ['list', 'fs.img', '--block-size=4096', '--filename-encoding=x'])
    expect(unknown).toMatchObject({ code: 1 })
    expect(unknown.err).toContain("--filename-encoding is 'x', which is not known")
  })

  it('take an empty path for the current directory, as Python does', async () => {
    const { code, err } = await run(place({}), ['list', '', '--block-size', '4096'])
    expect(code).toBe(2)
    expect(err).toContain("error: Source image '.' does not exist.")
  })
})

describe('help', () => {
  it('is as wide as COLUMNS says', async () => {
    const narrow = await run(place({}), ['--help'], { env: { COLUMNS: '60' } })
    const widest = Math.max(...narrow.out.split('\n').map((line) => line.length))
    expect(widest).toBeLessThanOrEqual(58)
    const none = await run(place({}), ['--help'], { env: { COLUMNS: '' } })
    expect(none.out).toContain(
      'Create, extract and inspect LittleFS filesystem images. Use one of the\n',
    )
  })
})
